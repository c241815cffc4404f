// React 18 without a build step. With one, write it as JSX: <recoup-payment-wall ref={wall} src={src} token={token} />.
const { createElement, useCallback, useEffect, useRef, useState } = React;

function PaymentWall({ mode, onSettled }) {
  const element = useRef(null);
  const [given, setGiven] = useState({});
  const renew = useCallback(() => recoupToken().then(setGiven), []);
  useEffect(() => {
    renew();
  }, [renew]);
  // Events of custom elements have no "on..." of their own in React 18.
  useEffect(() => {
    const { current } = element;
    current.addEventListener("recoup-expired", renew);
    current.addEventListener("recoup-settled", onSettled);
    return () => {
      current.removeEventListener("recoup-expired", renew);
      current.removeEventListener("recoup-settled", onSettled);
    };
  }, [renew, onSettled]);
  return createElement("recoup-payment-wall", { ref: element, mode, ...given });
}

function Account() {
  const [paid, setPaid] = useState(false);
  const [count, setCount] = useState(0);
  const settled = useCallback(() => setPaid(true), []);
  return createElement(
    "main",
    null,
    createElement(PaymentWall, { mode: "dismissible", onSettled: settled }),
    createElement("h1", null, "Your account"),
    createElement("button", { id: "count", onClick: () => setCount(count + 1) }, `Clicked ${count} times`),
    createElement("p", { id: "said", role: "status" }, paid ? "Thank you, everything is paid." : ""),
  );
}

ReactDOM.createRoot(document.querySelector("#app")).render(createElement(Account));
