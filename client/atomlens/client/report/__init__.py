"""Report: surfaces around structures, and pages that show in 3-D what models say of them."""

from atomlens.client.report.surface import Surface
from atomlens.client.report.triangulation import Mesh, mesh

__all__ = ["Mesh", "Surface", "mesh"]
