// Main: draw what there is to draw.

// Plotly comes compressed.
async function loadPlotly() {
  const bytes = Uint8Array.from(atob(document.getElementById("plotly").textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  document.head.append(element("script", {}, await new Response(stream).text()));
}

async function main() {
  await loadPlotly();
  document.documentElement.classList.toggle("still", isStill);
  const plots = [];
  if (atomsPlot) {
    await showAtoms();
    plots.push(atomsPlot);
  }
  if (spacePlot) {
    await showSpace();
    plots.push(spacePlot);
  }
  turnTogether(plots);
  document.querySelectorAll("table.sortable").forEach((table) => {
    sortable(table);
    if (atomsPlot) {
      pointing(table);
    }
  });
  document.documentElement.classList.add("drawn");
}

main();
