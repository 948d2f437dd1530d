#include "dataplane/engine/figures.h"

#include <algorithm>
#include <array>

#include "src/base/assert.h"

namespace pollux {

namespace {

static_assert(kTransportFiguresMax == kCoreFiguresMax);

uint32_t name_all(std::span<const TransportFigure> figures, std::span<FigureName> names) {
  POLLUX_ASSERT(figures.size() <= names.size());
  for (size_t i = 0; i < figures.size(); ++i) {
    POLLUX_ASSERT(figures[i].name.size() < sizeof names[i].text);
    std::ranges::copy(figures[i].name, names[i].text);
  }
  return static_cast<uint32_t>(figures.size());
}

}  // namespace

void name_figures(const Transport& transport, std::span<const TransportFigure> port,
                  ControlPage& page) {
  std::array<TransportFigure, kTransportFiguresMax> figures;
  const size_t count = transport.figures(figures);
  page.core_figures = name_all(std::span(figures).first(count), page.core_figure_names);
  page.port_figures = name_all(port, page.port_figure_names);
}

void publish_figures(const Transport& transport, CoreBlock& core) {
  std::array<TransportFigure, kTransportFiguresMax> figures;
  const size_t count = transport.figures(figures);
  for (size_t i = 0; i < count; ++i) {
    core.figures[i].set(figures[i].value);
  }
}

void publish_port(std::span<const TransportFigure> port, PortBlock& block) {
  for (size_t i = 0; i < port.size(); ++i) {
    block.figures[i].set(port[i].value);
  }
}

}  // namespace pollux
