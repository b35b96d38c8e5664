/** Service: the gRPC client that the .proto files make, and what is in a status. */

import { fileURLToPath } from "node:url";
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const MOST_BYTES = 16 * 2 ** 20;
const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const definition = loader.loadSync(
  ["atomlens/v1/explanation_service.proto", "google/rpc/status.proto"],
  { includeDirs: [path("../../proto"), path("proto")], keepCase: true, longs: String, defaults: true, oneofs: true },
);
const { ExplanationService } = grpc.loadPackageDefinition(definition).atomlens.v1;

/** Return a client of the server at HOST:PORT. */
export function connect(address) {
  return new ExplanationService(address, grpc.credentials.createInsecure(), {
    "grpc.max_send_message_length": MOST_BYTES,
    "grpc.max_receive_message_length": MOST_BYTES,
  });
}

/** Return a unary method as a function whose promise is kept before the deadline or broken. */
export function unary(client, method) {
  return (request, seconds = 60) =>
    new Promise((resolve, reject) => {
      const settle = (error, response) => (error ? reject(error) : resolve(response));
      client[method](request, { deadline: Date.now() + 1000 * seconds }, settle);
    });
}

/** Return code, reason and field of a status, as a structure's failure carries it. */
export function explained(status) {
  const found = { code: status.code, message: status.message };
  for (const { type_url: type, value } of status.details) {
    const name = type.split("/").at(-1);
    if (name === "google.rpc.ErrorInfo") found.reason = decoded(name, value).reason;
    if (name === "google.rpc.BadRequest") found.field = decoded(name, value).field_violations[0].field;
  }
  return found;
}

/** Return the same of a call that failed. */
export function explainedError(error) {
  const [details] = error.metadata.get("grpc-status-details-bin");
  return details ? explained(decoded("google.rpc.Status", details)) : { code: error.code, message: error.details };
}

const decoded = (name, buffer) => definition[name].deserialize(buffer);
