// Legend: colours of a scale, what its ends and its middle stand for, and the controls beside it.

// The scale as Plotly takes it.
function colors(scale) {
  const palette = pictures.palettes[scale.palette];
  return palette.map((color, place) => [place / (palette.length - 1), color]);
}

function ends(scale) {
  return [scale.center - scale.reach, scale.center + scale.reach];
}

function ramp(scale) {
  const [low, high] = ends(scale).map((value) => decimals(value));
  const [below, above] = scale.beyond ? ["≤ ", "≥ "] : ["", ""];
  const gradient = `linear-gradient(to right, ${pictures.palettes[scale.palette].join(", ")})`;
  const texts = [below + low, decimals(scale.center), above + high];
  return [
    element("div", { class: "ramp", style: `background: ${gradient}` }),
    element("div", { class: "ticks" }, ...texts.map((text) => element("span", {}, text))),
    note(`Centre: ${texts[1]} ${scale.unit}, ${scale.about}; ${pictures.meanings[scale.palette]}.`),
  ];
}

function note(text) {
  return element("p", {}, text);
}

// What is shown, in which colours, and what else is to be said; the scale is null where nothing has a colour.
function showLegend(place, name, scale, notes = []) {
  const title = element("div", { class: "name" }, name);
  if (scale) {
    title.append(element("span", {}, scale.unit));
  }
  place.replaceChildren(title, ...(scale ? ramp(scale) : []), ...notes.map(note));
}

const FEW = 6; // choices that are all in sight

// Show a choice, as buttons or as a list; `choose` gets the key of what is chosen.
function showChoice(place, name, options, chosen, choose) {
  place.replaceChildren();
  if (options.length < 2) {
    place.hidden = true;
    return;
  }
  place.setAttribute("role", "group");
  place.setAttribute("aria-label", name || place.id);
  if (name) {
    place.append(element("span", { class: "label" }, name));
  }
  place.append(options.length <= FEW ? buttons(place.id, options, chosen, choose) : list(options, chosen, choose));
}

function buttons(group, options, chosen, choose) {
  const made = element("span", { class: "buttons" });
  for (const { key, label } of options) {
    const input = element("input", { type: "radio", name: group, value: key });
    input.checked = key === chosen;
    input.addEventListener("change", () => choose(key));
    made.append(element("label", {}, input, element("span", {}, label)));
  }
  return made;
}

function list(options, chosen, choose) {
  const made = element("select");
  for (const { key, label } of options) {
    const option = element("option", { value: key }, label);
    option.selected = key === chosen;
    made.append(option);
  }
  made.addEventListener("change", () => choose(made.value));
  return made;
}

