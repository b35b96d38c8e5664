/** Asks a server everything once about a molecule and prints what it says: main.js HOST:PORT MODEL FILE.xyz */

import { readFileSync } from "node:fs";
import { explain, explainStream } from "./explain.js";
import { readXyz } from "./molecule.js";
import { probe, probeRequest } from "./probe.js";
import { connect, explainedError } from "./service.js";

const [address, model, file] = process.argv.slice(2);
if (!file) {
  console.error("usage: node main.js HOST:PORT MODEL FILE.xyz");
  process.exit(2);
}
const molecule = readXyz(readFileSync(file, "utf8"));
const [, ...others] = molecule.numbers;
const strange = { ...molecule, numbers: [99, ...others] }; // einsteinium, which no model knows
const grid = { origin: [-3, -3, -3], step: 0.2, counts: [31, 31, 31] };

const client = connect(address);
const streamed = await explainStream(client, model, [molecule, strange, molecule]);
const { header, values } = await probe(client, probeRequest(model, molecule, grid), 1);
const refused = await explain(client, "no-model", [molecule]).catch(explainedError);
console.log(
  JSON.stringify({
    explained: await explain(client, model, [molecule]),
    streamed: [0, 1, 2].map((id) => streamed.get(id)),
    probed: { slabs: Number(header.slabs), unit: header.fields[0].unit, values },
    refused,
  }),
);
client.close();
