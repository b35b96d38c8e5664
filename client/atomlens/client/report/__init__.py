"""Report: surfaces around structures, and pages that show in 3-D what models say of them.

`report` asks models and returns a report of everything; `map_report` and `surface_report` make one of a map
that is there already, `map_page` and `surface_page` its page.
"""

from atomlens.client.report.contents import Report
from atomlens.client.report.map_report import map_page, map_report, surface_page, surface_report
from atomlens.client.report.reporting import report
from atomlens.client.report.storage import load_report
from atomlens.client.report.surface import Surface
from atomlens.client.report.surface_map import SurfaceMap, probe_surface
from atomlens.client.report.triangulation import Mesh, mesh

__all__ = [
    "Mesh",
    "Report",
    "Surface",
    "SurfaceMap",
    "load_report",
    "map_page",
    "map_report",
    "mesh",
    "probe_surface",
    "report",
    "surface_page",
    "surface_report",
]
