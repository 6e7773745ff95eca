/** Asks the address in `data-poll` until it answers `{ "href": "…" }`, then goes there. Gaps grow from 2 to 15 s; a hidden page waits. */
const place = document.querySelector<HTMLElement>('[data-poll]')
let waitMs = 2000

async function ask(url: string): Promise<void> {
  if (!document.hidden) {
    try {
      const answer = await fetch(url, { headers: { accept: 'application/json' }, cache: 'no-store' })
      const { href } = (await answer.json()) as { href?: string }
      if (href?.startsWith('/')) {
        location.replace(href)
        return
      }
    } catch {
      // The network is away: the next round asks again.
    }
  }
  setTimeout(ask, waitMs, url)
  waitMs = Math.min(waitMs * 1.4, 15000)
}

if (place?.dataset.poll) setTimeout(ask, waitMs, place.dataset.poll)

export {}
