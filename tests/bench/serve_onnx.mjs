// The same answers as examples/serve gives to 784 bytes of ink, by Node.js and ONNX Runtime:
// serve_onnx.mjs THREADS DIRECTORY, where networks_torch.py has put digits_cnn.onnx. One thread has the
// connections, a pool of ONNX Runtime's the network.
import http from "node:http";
import { createRequire } from "node:module";
import path from "node:path";

const threads = Number(process.argv[2]);
const directory = path.resolve(process.argv[3]);
const ort = createRequire(directory + "/")("onnxruntime-node");
const options = { intraOpNumThreads: 1, interOpNumThreads: threads };
const session = await ort.InferenceSession.create(`${directory}/digits_cnn.onnx`, options);

function softmax(logits) {
  const most = Math.max(...logits), e = Array.from(logits, v => Math.exp(v - most)), sum = e.reduce((a, b) => a + b);
  return e.map(v => v / sum);
}

async function classify(body) {
  const begin = performance.now();
  const x = new ort.Tensor("float32", Float32Array.from(body, v => v / 255), [1, 1, 28, 28]);
  const probability = softmax((await session.run({ x })).y.data);
  const classes = probability.map((p, i) => ({ class: String(i), probability: Number(p.toFixed(6)) }));
  classes.sort((a, b) => b.probability - a.probability);
  return JSON.stringify({ classes, milliseconds: performance.now() - begin });
}

const server = http.createServer((request, response) => {
  const pieces = [];
  request.on("data", piece => pieces.push(piece));
  request.on("end", async () => {
    response.setHeader("Content-Type", "application/json");
    response.end(await classify(Buffer.concat(pieces)));
  });
});
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/`));
