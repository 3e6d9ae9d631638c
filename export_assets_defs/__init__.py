"""Components of this checkout: `dg scaffold defs export_assets.ExportSource NAME` adds one."""
