// The networks of networks.c in ONNX Runtime, with the same questions and answers, inference alone:
// networks_onnx.mjs THREADS DIRECTORY, where networks_torch.py has put the files.
import { createRequire } from "node:module";
import path from "node:path";
import readline from "node:readline";

const threads = Number(process.argv[2]);
const directory = path.resolve(process.argv[3]);
const ort = createRequire(directory + "/")("onnxruntime-node");
const CHANNELS = { alexnet_conv5: 3, resnet18: 3 };

let last = {};

async function sessionOf(name) {
  if (last.name !== name) {
    await last.session?.release();
    const options = { intraOpNumThreads: threads, interOpNumThreads: 1 };
    last = { name, session: await ort.InferenceSession.create(`${directory}/${name}.onnx`, options) };
  }
  return last.session;
}

function input(name, words) {
  const sizes = { batch: 1, side: 224, width: 64 };
  for (const word of words) {
    const [key, value] = word.split("=");
    sizes[key] = Number(value);
  }
  const shape = [sizes.batch, CHANNELS[name] ?? sizes.width, sizes.side, sizes.side];
  const numbers = new Float32Array(shape.reduce((a, b) => a * b)).map(Math.random);
  return new ort.Tensor("float32", numbers, shape);
}

// Milliseconds of a call; with one thread, the processor's work where that is less than the wall's time.
async function timeCall(session, x) {
  const wall = performance.now(), work = process.cpuUsage();
  await session.run({ x });
  const elapsed = performance.now() - wall, used = process.cpuUsage(work);
  return threads === 1 ? Math.min(elapsed, (used.user + used.system) / 1000) : elapsed;
}

async function measure(milliseconds, name, words) {
  const session = await sessionOf(name), x = input(name, words), times = [];
  await session.run({ x });
  const end = performance.now() + milliseconds;
  while (times.length === 0 || performance.now() < end) times.push(await timeCall(session, x));
  times.sort((a, b) => a - b);
  const middle = (times[(times.length - 1) >> 1] + times[times.length >> 1]) / 2;
  return `${(1000 * middle).toFixed(4)} ${(1000 * times[0]).toFixed(4)}`;
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const [what, milliseconds, name, ...words] = line.trim().split(/\s+/);
  console.log(what === "forward" ? await measure(Number(milliseconds), name, words) : "none");
}
