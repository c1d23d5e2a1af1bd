// Opens the page's networks and shows what they do.
import {explore} from "./explore.js";
import {Network} from "./runtime.js";
import {translate} from "./translate.js";

async function main() {
  const data = JSON.parse(document.getElementById("data").textContent);
  const one = id => document.getElementById(id), facts = data.networks[0];
  const takesImages = facts.inputs[0].name === "image";
  one("line").textContent = takesImages
    ? "A neural network has learned to turn one kind of picture into another. Draw something or choose a picture, and watch "
      + "what it makes of it."
    : "A neural network has learned from example pictures how to draw new ones. Every picture here is its own: choose one, "
      + "and change it.";
  const parameters = data.networks.reduce((sum, network) => sum + network.parameters, 0).toLocaleString("en");
  one("facts").textContent = `Everything runs in this page and nothing leaves it. Made by ganctl ${data.version}: `
    + `${parameters} parameters, run by ${data.runtime}.`;
  try {
    const networks = [];
    for (const each of data.networks) networks.push(await Network.open(each));
    one("main").hidden = false;
    await (takesImages ? translate(networks, one("main")) : explore(networks[0], one("main")));
    one("state").hidden = true;
    document.body.dataset.ready = true;
  } catch (error) {
    one("state").className = "warning";
    one("state").textContent = `This browser could not run the network: ${error.message ?? error}. It needs WebAssembly and `
      + "DecompressionStream, which browsers have had since 2023.";
    throw error;
  }
}

await main();
