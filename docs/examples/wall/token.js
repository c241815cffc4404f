// Asks the shop's own back end (serve.py), which knows who is logged in: {"src": "https://recoup...", "token": "..."}.
async function recoupToken() {
  const answer = await fetch("/my/recoup-token", { method: "POST" });
  if (!answer.ok) throw new Error(`no token: ${answer.status}`);
  return answer.json();
}
