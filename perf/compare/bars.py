"""Groups of bars as an SVG, for results that are worth a picture."""

COLOURS = ("#9a9a9a", "#5f5f5f", "#9ecae1", "#4292c6", "#08519c", "#a1d99b", "#41ab5d", "#006d2c")
BAR, GAP, HEIGHT, LEFT, TOP = 22, 40, 300, 50, 50


def plot(title, groups, series):
    """`series`: label -> one value (0 to 100) for each of `groups`."""
    group_width = BAR * len(series)
    plot_width = len(groups) * (group_width + GAP) + GAP
    width, height = LEFT + plot_width + 260, TOP + HEIGHT + 50
    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" '
           'font-family="sans-serif" font-size="12">' % (width, height),
           '<rect width="100%" height="100%" fill="white"/>',
           _text(LEFT, 25, title, "font-size='16'")]
    for percent in range(0, 101, 20):
        y = TOP + HEIGHT * (100 - percent) / 100
        out.append('<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#ddd"/>' % (
            LEFT, LEFT + plot_width, y, y))
        out.append(_text(LEFT - 8, y + 4, str(percent), "text-anchor='end'"))
    for at, group in enumerate(groups):
        x = LEFT + GAP + at * (group_width + GAP)
        for number, values in enumerate(series.values()):
            out += _bar(x + number * BAR, values[at], COLOURS[number % len(COLOURS)])
        out.append(_text(x + group_width / 2, TOP + HEIGHT + 20, group, "text-anchor='middle'"))
    for number, label in enumerate(series):
        y = TOP + 20 * number
        out.append('<rect x="%d" y="%d" width="14" height="14" fill="%s"/>' % (
            LEFT + plot_width + 15, y, COLOURS[number % len(COLOURS)]))
        out.append(_text(LEFT + plot_width + 35, y + 12, label))
    return "\n".join(out + ["</svg>", ""])


def _bar(x, value, colour):
    tall = HEIGHT * value / 100
    top = TOP + HEIGHT - tall
    return ['<rect x="%.1f" y="%.1f" width="%d" height="%.1f" fill="%s"/>' % (
        x, top, BAR - 2, tall, colour),
        '<text x="%.1f" y="%.1f" font-size="9" text-anchor="middle">%.1f</text>' % (
            x + BAR / 2 - 1, top - 3, value)]


def _text(x, y, text, more=""):
    return '<text x="%.1f" y="%.1f" %s>%s</text>' % (x, y, more, text)
