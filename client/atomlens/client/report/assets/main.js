// Main: draw what there is to draw.

const NEEDED = "These pictures need a browser of 2023 or later, with WebGL.";

// Plotly comes compressed.
async function loadPlotly() {
  const bytes = Uint8Array.from(atob(document.getElementById("plotly").textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  document.head.append(element("script", {}, await new Response(stream).text()));
}

async function drawAll() {
  await loadPlotly();
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
}

async function main() {
  document.documentElement.classList.toggle("still", isStill);
  document.querySelectorAll("table.sortable").forEach(sortable);
  try {
    await drawAll();
    document.querySelectorAll("table.sortable").forEach(pointing);
    document.documentElement.classList.add("drawn");
  } catch (error) {
    document.querySelectorAll(".plot").forEach((plot) => plot.replaceChildren(element("p", {}, NEEDED)));
    throw error;
  }
}

main();
