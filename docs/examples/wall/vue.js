// Vue 3 without a build step, and without templates: those are compiled with eval, which a strict policy forbids.
// With a build step, tell Vue that the element is none of its own: compilerOptions.isCustomElement.
const { createApp, h, onMounted, ref } = Vue;

const PaymentWall = {
  props: { mode: String },
  emits: ["settled"],
  setup(props, { emit }) {
    const given = ref({});
    const renew = async () => (given.value = await recoupToken());
    onMounted(renew);
    const on = { onRecoupExpired: renew, onRecoupSettled: () => emit("settled") };
    return () => h("recoup-payment-wall", { mode: props.mode, ...given.value, ...on });
  },
};

const Account = {
  setup() {
    const paid = ref(false), count = ref(0);
    return () =>
      h("main", [
        h(PaymentWall, { mode: "dismissible", onSettled: () => (paid.value = true) }),
        h("h1", "Your account"),
        h("button", { id: "count", onClick: () => count.value++ }, `Clicked ${count.value} times`),
        h("p", { id: "said", role: "status" }, paid.value ? "Thank you, everything is paid." : ""),
      ]);
  },
};

createApp(Account).mount("#app");
