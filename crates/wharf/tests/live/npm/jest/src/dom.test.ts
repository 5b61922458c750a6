/** @jest-environment jsdom */
test("dom", () => { document.body.innerHTML = "<b>x</b>"; expect(document.querySelector("b")!.textContent).toMatchInlineSnapshot(`"x"`); });
