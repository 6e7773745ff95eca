/** Opens the print dialogue on the button of a print page; the button appears only where script runs. */
const button = document.querySelector<HTMLButtonElement>('[data-print]')
if (button) {
  button.hidden = false
  button.addEventListener('click', () => print())
}

export {}
