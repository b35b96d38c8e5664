/** Explain: what a model says about one molecule, and about many through a stream. */

import { readFloat64s, readInt32s, readUint64s, uint64s } from "./arrays.js";
import { cut, pack } from "./molecule.js";
import { explained, unary } from "./service.js";

/** Return property and contributions of a model's first head for each molecule, or why there are none. */
export async function explain(client, model, molecules) {
  const response = await unary(client, "Explain")({ model: { name: model }, structures: pack(molecules) });
  return answers(response.explanations);
}

/** Return the same from a stream, into which molecules go in chunks, by their ids. */
export function explainStream(client, model, molecules, size = 2) {
  return new Promise((resolve, reject) => {
    const stream = client.ExplainStream();
    const found = new Map();
    stream.on("error", reject);
    stream.on("end", () => resolve(found));
    stream.on("data", ({ content, chunk }) => {
      if (content !== "chunk") return; // how the stream was opened: version, digest and window
      const ids = readUint64s(chunk.ids);
      answers(chunk.explanations).forEach((answer, place) => found.set(Number(ids[place]), answer));
    });
    stream.write({ options: { model: { name: model } } });
    for (let first = 0; first < molecules.length; first += size) {
      const some = molecules.slice(first, first + size);
      const ids = uint64s(some.map((_, place) => first + place));
      stream.write({ chunk: { ids, structures: pack(some) } });
    }
    stream.end();
  });
}

/** Return an answer or a failure for each structure of a batch. */
function answers({ counts, heads: [head], failures }) {
  const contributions = cut(readFloat64s(head.contributions), readInt32s(counts));
  const found = readFloat64s(head.properties).map((property, place) => ({
    head: head.head,
    unit: head.property_unit,
    property,
    contributions: contributions[place],
  }));
  for (const { structure, status } of failures) found[structure] = { failure: explained(status) };
  return found;
}
