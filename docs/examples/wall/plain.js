// The elements on the page are given a token at the start, and a new one each time theirs is too old.
async function give(element) {
  const { src, token } = await recoupToken();
  element.setAttribute("src", src);
  element.setAttribute("token", token);
}

const wall = document.querySelector("recoup-payment-wall");
const said = document.querySelector("#said");

document.addEventListener("recoup-expired", ({ target }) => give(target));
wall.addEventListener("recoup-settled", () => (said.textContent = "Thank you, everything is paid."));
wall.addEventListener("recoup-dismissed", () => (said.textContent = "You can pay later, too."));
document.querySelector("#pay").onclick = () => wall.setAttribute("open", "");

give(document.querySelector("recoup-banner"));
give(wall);
