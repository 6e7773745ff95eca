/** Counts down the time left to undo. The clock of the phone is not trusted: seconds left come from the server. */
const box = document.querySelector<HTMLElement>('[data-undo]')
const text = box?.querySelector('[data-left]')
const bar = box?.querySelector('[data-bar]')

if (box && text) {
  const [left = 0, total = 1] = (box.dataset.undo ?? '').split('/').map(Number)
  const [minute = '', second = ''] = (box.dataset.units ?? '').split('|')
  const startedMs = performance.now()
  const timer = setInterval(() => {
    const s = Math.max(0, Math.floor(left - (performance.now() - startedMs) / 1000))
    text.textContent = `${s >= 60 ? Math.floor(s / 60) + minute : ''}${s % 60}${second}`
    bar?.setAttribute('width', `${(100 * s) / total}%`)
    if (s === 0) {
      clearInterval(timer)
      location.reload()
    }
  }, 1000)
}

export {}
