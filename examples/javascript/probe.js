/** Probe: what a model says of an imaginary atom at every point of a grid, slab by slab. */

import { crc32 } from "node:zlib";
import { float64s, int32s, readFloat32s, uint8s } from "./arrays.js";
import { pack } from "./molecule.js";

/** Return a request for hydrogen on a grid around a molecule. */
export function probeRequest(model, molecule, { origin, step, counts }) {
  return {
    model: { name: model },
    structures: pack([molecule]),
    elements: uint8s([1]),
    grid: {
      origin: float64s(origin),
      axes: float64s([step, 0, 0, 0, step, 0, 0, 0, step]),
      counts: int32s(counts),
    },
    slab_points: 16384,
  };
}

/**
 * Return the header and all values of a probe. A call that breaks is followed by another for what is missing:
 * here the first is left after as many slabs as `leaveAfter` says, to show it.
 */
export async function probe(client, request, leaveAfter) {
  const slabs = [];
  let header = null;
  while (header === null || slabs.length < Number(header.slabs)) {
    const call = client.Probe({ ...request, first_slab: slabs.length, digest: header?.digest ?? "" });
    call.on("error", () => {}); // of a call that is cancelled; of all others the loop throws it
    let checksum = 0;
    try {
      for await (const { content, ...message } of call) {
        if (content === "header") header = message.header;
        if (content === "slab") checksum = take(message.slab, slabs, checksum);
        if (content === "trailer" && message.trailer.checksum !== checksum) throw new Error("a slab is missing");
        if (slabs.length === leaveAfter) break;
      }
    } finally {
      call.cancel();
    }
    leaveAfter = undefined;
  }
  return { header, values: slabs.flatMap(readFloat32s) };
}

/** Take in a slab and return the checksum of all values so far. */
function take(slab, slabs, checksum) {
  if (Number(slab.index) !== slabs.length || crc32(slab.values) !== slab.checksum) throw new Error("a slab is damaged");
  slabs.push(slab.values);
  return crc32(slab.values, checksum);
}
