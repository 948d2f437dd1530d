"""network_soak for some seconds, so that it still runs when somebody needs it for hours."""

import importlib.machinery
import importlib.util
import os

from case import not_quick, only_once, pollux_only

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "network_soak")
loader = importlib.machinery.SourceFileLoader("network_soak", PATH)
soak = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
loader.exec_module(soak)


class ForSomeSeconds(soak.Soak):

    @pollux_only
    @only_once
    @not_quick
    def test_mixed_traffic(self):
        # Two rounds, of which each leaves five seconds for what comes behind its traffic.
        self.asked = soak.options_of(["--minutes", "0.22"])
        super().test_mixed_traffic()

    @pollux_only
    @only_once
    @not_quick
    def test_connections(self):
        self.asked = soak.options_of(["--connections", "500"])
        super().test_connections()
