package api

import (
	"html/template"
)

// passkeyScript is all the script there is: it hands the options in a form to the
// browser, and puts what the browser makes of them into the form. It is here as
// text because the page's policy names its digest.
const passkeyScript template.JS = `
"use strict";
(() => {
  const form = document.querySelector("form[data-options]");
  const problem = document.getElementById("problem");
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const ask = async () => {
    const options = JSON.parse(form.dataset.options).publicKey;
    options.challenge = bytes(options.challenge);
    for (const list of [options.excludeCredentials, options.allowCredentials]) {
      for (const c of list || []) c.id = bytes(c.id);
    }
    if (!options.user) return navigator.credentials.get({ publicKey: options });
    options.user.id = bytes(options.user.id);
    return navigator.credentials.create({ publicKey: options });
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    problem.hidden = true;
    try {
      if (!window.PublicKeyCredential) throw new Error("This browser has no passkeys here. They need https.");
      const c = await ask();
      const response = {};
      for (const part of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
        if (c.response[part]) response[part] = text(c.response[part]);
      }
      if (c.response.getTransports) response.transports = c.response.getTransports();
      form.elements.credential.value = JSON.stringify({
        id: c.id, rawId: text(c.rawId), type: c.type, response, clientExtensionResults: c.getClientExtensionResults(),
        authenticatorAttachment: c.authenticatorAttachment || undefined,
      });
      form.submit();
    } catch (e) {
      problem.textContent = e.name === "NotAllowedError" ? "It was not done, or took too long. Try again." : e.name === "InvalidStateError" ? "This device has a passkey of yours already." : e.message;
      problem.hidden = false;
    }
  });
})();
`
