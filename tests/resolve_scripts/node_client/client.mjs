// A Via client from the .proto files alone: edits a clip, follows the job, reads the result.
// Usage: node client.mjs PROTO_FOLDER ADDRESS CLIP INSTRUCTION; prints the SHA-256 of the result.
import { createHash, randomUUID } from "node:crypto";
import grpc from "@grpc/grpc-js";
import protoLoader from "@grpc/proto-loader";

const [protoFolder, address, clip, instruction] = process.argv.slice(2);
const definition = protoLoader.loadSync("via/v1/job_service.proto", {
  includeDirs: [protoFolder],
  keepCase: true,
  enums: String,
  longs: Number,
});
const { JobService } = grpc.loadPackageDefinition(definition).via.v1;
const jobs = new JobService(address, grpc.credentials.createInsecure());

function call(method, request) {
  return new Promise((resolve, reject) => {
    jobs[method](request, (error, answer) => (error ? reject(error) : resolve(answer)));
  });
}

const spec = { source: { absolute_path: clip }, instruction, frame_range: { start_frame: 0, end_frame_exclusive: 24 } };
const { job } = await call("CreateJob", { request_id: randomUUID(), spec });

let last = job;
for await (const event of jobs.WatchJob({ name: job.name, after_sequence: 0 })) {
  if (event.progress) console.error(`${event.progress.stage} ${event.progress.frames_done}/${event.progress.frames_total}`);
  if (event.job) last = event.job;
}
if (last.state !== "JOB_STATE_SUCCEEDED") throw new Error(`${last.state}: ${last.error?.message}`);

const sha256 = createHash("sha256");
for await (const piece of jobs.ReadResult({ name: job.name })) sha256.update(piece.data);
console.log(JSON.stringify({ job: job.name, frames: last.result.frame_count, sha256: sha256.digest("hex"), promised: last.result.sha256 }));
jobs.close();
