/**
 * What changes on a page by itself. The address in `data-live` tells of it as a stream of events; where there is none, or it
 * breaks, the address in `data-poll` is asked until it answers `{ "href": "…" }`, first after `data-poll-ms` or 2 s, each gap
 * longer up to 15 s; a hidden page waits. Either leads there. Counts down the time left to undo: the
 * clock of the phone is not trusted, seconds left come from the server.
 */
const place = document.querySelector<HTMLElement>('[data-poll]')
let waitMs = Number(place?.dataset.pollMs) || 2000

function follow({ href }: { href?: string }): boolean {
  if (!href?.startsWith('/')) return false
  location.replace(href)
  return true
}

async function ask(url: string): Promise<void> {
  if (!document.hidden) {
    try {
      const answer = await fetch(url, { headers: { accept: 'application/json' }, cache: 'no-store' })
      if (follow((await answer.json()) as { href?: string })) return
    } catch {
      // The network is away: the next round asks again.
    }
  }
  setTimeout(ask, waitMs, url)
  waitMs = Math.min(waitMs * 1.4, 15000)
}

const { poll, live } = place?.dataset ?? {}
const askLater = () => poll && setTimeout(ask, waitMs, poll)
if (live) {
  const stream = new EventSource(live)
  stream.onmessage = ({ data }: MessageEvent<string>) => void follow(JSON.parse(data) as { href?: string })
  stream.onerror = () => {
    stream.close()
    askLater()
  }
} else askLater()

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
