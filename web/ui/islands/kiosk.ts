/** What a visitor sees and touches: the scanner, the pad, the countdown, the slip, and news by itself. */
const box = document.querySelector<HTMLElement>('[data-kiosk]')
const { kiosk: screenName = '', live, idle, warn, now } = box?.dataset ?? {}
const dialog = (id: string) => document.querySelector<HTMLDialogElement>(`dialog#${id}`)
const form = (id: string) => document.querySelector<HTMLFormElement>(`form#${id}`)
const csrf = document.querySelector<HTMLInputElement>('input[name="csrf"]')?.value ?? ''

/** Nothing stays to be seen while the server takes it away. */
function hide(): void {
  box?.replaceChildren()
  const veil = document.getElementById('veil')
  if (veil) veil.hidden = false
}

let isWiping = false
/** Ends the visit at the server and replaces this page. Without the network it is hidden now and ended as soon as there is one. */
async function wipe(why: string): Promise<void> {
  if (isWiping) return
  isWiping = true
  hide()
  sessionStorage.clear()
  for (;;) {
    try {
      const headers = { accept: 'application/json' }
      const answer = await fetch('/kiosk/wipe', { method: 'POST', headers, body: new URLSearchParams({ csrf, why }) })
      const { href } = (answer.ok ? await answer.json() : {}) as { href?: string }
      return location.replace(href ?? '/kiosk')
    } catch {
      dispatchEvent(new Event('kiosk-lost'))
      await new Promise(resolve => addEventListener('kiosk-online', resolve, { once: true }))
    }
  }
}
for (const ending of document.querySelectorAll<HTMLFormElement>('form[action="/kiosk/wipe"]'))
  ending.addEventListener('submit', event => {
    event.preventDefault()
    void wipe((ending.elements.namedItem('why') as HTMLInputElement).value)
  })

// A page kept whole by the browser must not come back.
addEventListener('pageshow', event => {
  if (event.persisted) location.reload()
})
if (screenName === 'start') {
  sessionStorage.clear()
  localStorage.clear()
  // A first screen nobody touches shows the right day, and the newest version.
  setTimeout(() => dispatchEvent(new Event('kiosk-again')), 600_000)
}
addEventListener('contextmenu', event => event.preventDefault())

// ---- scanner: types what it reads in one go, however slow the machine is just now, and ends with Enter ----
const KEY_MS_MAX = 500
let typed = ''
let typedAt = 0
const scan = form('scan')
addEventListener('keydown', event => {
  if (!scan || event.ctrlKey || event.altKey || event.metaKey) return
  const at = event.timeStamp
  if (at - typedAt > KEY_MS_MAX) typed = ''
  typedAt = at
  if (event.key.length === 1) typed += event.key
  if (event.key !== 'Enter') return
  const text = typed
  typed = ''
  if (text.length < 20) return
  event.preventDefault()
  const code = scan.elements.namedItem('code') as HTMLInputElement
  code.value = text.slice(0, 400)
  scan.submit()
})

// ---- pad ----
for (const pad of document.querySelectorAll<HTMLElement>('[data-pad]')) {
  const field = pad.querySelector('input')
  pad.addEventListener('click', event => {
    const key = (event.target as Element).closest<HTMLElement>('[data-key]')?.dataset.key
    if (!field || !key) return
    if (key === 'clear') field.value = ''
    else if (key === 'back') field.value = field.value.slice(0, -1)
    else if (field.value.length < field.maxLength) field.value += key
  })
}

// ---- nobody there any more ----
const asking = dialog('idle')
let leaving: ReturnType<typeof setTimeout> | undefined
let counting: ReturnType<typeof setInterval> | undefined
function touched(): void {
  if (!idle || asking?.open) return
  clearTimeout(leaving)
  leaving = setTimeout(count, Number(idle) * 1000)
}
function count(): void {
  // What says that the network is away covers the screen: nothing to ask, only to wait.
  if (dialog('offline')?.open) {
    leaving = setTimeout(() => void wipe('idle'), Number(warn) * 1000)
    return
  }
  let left = Number(warn)
  const shown = asking?.querySelector('[data-left]')
  asking?.showModal()
  counting = setInterval(() => {
    left--
    if (shown) shown.textContent = String(left)
    if (left > 0) return
    clearInterval(counting)
    void wipe('idle')
  }, 1000)
}
function stay(): void {
  clearInterval(counting)
  asking?.close()
  const shown = asking?.querySelector('[data-left]')
  if (shown) shown.textContent = warn ?? ''
  touched()
}
asking?.querySelector('[data-stay]')?.addEventListener('click', stay)
asking?.addEventListener('cancel', stay)
for (const sign of ['pointerdown', 'keydown', 'scroll']) addEventListener(sign, touched, { passive: true })
touched()

// ---- slip ----
document.querySelector<HTMLElement>('[data-slip]')?.addEventListener('click', event => {
  const address = (event.currentTarget as HTMLElement).dataset.slip ?? ''
  print()
  fetch(address, { method: 'POST', body: new URLSearchParams({ csrf }) }).catch(() => {})
})

// ---- news: paid, help on its way, out of use ----
interface News {
  readonly href?: string
  readonly help?: string
}
let stream: EventSource | undefined
function listen(): void {
  if (!live) return
  stream?.close()
  stream = new EventSource(live)
  stream.onmessage = ({ data }: MessageEvent<string>) => {
    const { href, help } = JSON.parse(data) as News
    const button = document.querySelector('[data-help]')
    if (help && button && button.textContent !== help) button.textContent = help
    if (href?.startsWith('/kiosk')) location.replace(href)
  }
  stream.onerror = () => {
    dispatchEvent(new Event('kiosk-lost'))
    if (stream?.readyState === EventSource.CLOSED) setTimeout(listen, 3_000)
  }
}
listen()
// Whoever pressed something is on the way already: no news may lead elsewhere.
addEventListener('submit', event => {
  if (!event.defaultPrevented) stream?.close()
})

addEventListener('kiosk-offline', () => dialog('offline')?.showModal())
addEventListener('kiosk-online', () => {
  dialog('offline')?.close()
  listen()
})
// Escape closes no dialog that says what is the case.
dialog('offline')?.addEventListener('cancel', event => event.preventDefault())
addEventListener('kiosk-again', () => location.replace('/kiosk'))

// ---- clock: by the server's, as a machine's own may be wrong ----
const clock = document.querySelector('[data-clock]')
if (clock && now) {
  const ahead = Number(now) - Date.now()
  const shape = new Intl.DateTimeFormat('en-GB', { timeZone: 'Asia/Shanghai', hour: '2-digit', minute: '2-digit' })
  setInterval(() => {
    clock.textContent = (clock.textContent ?? '').replace(/\d\d:\d\d$/, shape.format(Date.now() + ahead))
  }, 10_000)
}

export {}
