// A picture through a model that `restore models export derain --onnx derain.onnx` wrote.
//
//     npm install onnxruntime-web
//     node restore.mjs derain.onnx rainy.ppm restored.ppm
//
// `restored` is the same in a browser: give it the model's bytes, and the data of a canvas.

import { readFileSync, writeFileSync } from "node:fs";
import * as ort from "onnxruntime-web";

const mirrored = (position, size) => {
  if (size === 1) return 0;
  const at = position % (2 * (size - 1));
  return at < size ? at : 2 * (size - 1) - at;
};

/**
 * @param {Uint8Array} model the ONNX file
 * @param {{data: Uint8Array | Uint8ClampedArray, width: number, height: number}} picture
 * @param {number} channels 3 for RGB, 4 for a canvas's RGBA; alpha is kept
 * @param {number} multiple what the sides of the network's input divide by (the file's metadata)
 */
export async function restored(model, picture, channels = 3, multiple = 16) {
  const { data, width, height } = picture;
  const rows = Math.ceil(height / multiple) * multiple;
  const columns = Math.ceil(width / multiple) * multiple;
  const planes = new Float32Array(3 * rows * columns);
  for (let c = 0, i = 0; c < 3; c++)
    for (let y = 0; y < rows; y++)
      for (let x = 0; x < columns; x++, i++)
        planes[i] = data[channels * (mirrored(y, height) * width + mirrored(x, width)) + c] / 255;
  const session = await ort.InferenceSession.create(model);
  const feeds = { image: new ort.Tensor("float32", planes, [1, 3, rows, columns]) };
  for (const { name, shape } of session.inputMetadata) {
    if (name !== "level") continue;
    // A level that nobody knows is NaN: the network judges by itself.
    const told = [1, ...shape.slice(1)];
    const count = told.reduce((a, b) => a * b, 1);
    feeds.level = new ort.Tensor("float32", new Float32Array(count).fill(NaN), told);
  }
  const result = (await session.run(feeds)).restored.data;
  const made = Uint8Array.from(data);
  for (let c = 0; c < 3; c++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const value = result[(c * rows + y) * columns + x];
        made[channels * (y * width + x) + c] = Math.round(255 * Math.min(1, Math.max(0, value)));
      }
  return made;
}

const [model, input, output] = process.argv.slice(2);
if (output) {
  const file = readFileSync(input);
  const [head, width, height] = /^P6\s+(\d+)\s+(\d+)\s+255\s/.exec(file.subarray(0, 64).toString("latin1"));
  const picture = { data: file.subarray(head.length), width: Number(width), height: Number(height) };
  const made = await restored(readFileSync(model), picture);
  writeFileSync(output, Buffer.concat([Buffer.from(`P6\n${width} ${height}\n255\n`), made]));
}
