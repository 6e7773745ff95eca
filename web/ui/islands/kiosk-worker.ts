/** Service worker of the kiosk: keeps the one page that is shown when no page can be had, and what that page is made of. */
interface Reaching extends Event {
  readonly request: Request
  respondWith(answer: Promise<Response>): void
}
interface Worker extends EventTarget {
  readonly KEPT: readonly string[]
  skipWaiting(): Promise<void>
  readonly clients: { claim(): Promise<void> }
}
type Waiting = Event & { waitUntil(work: Promise<unknown>): void }

const worker = self as unknown as Worker
const OFFLINE = worker.KEPT[0]!
const NAME = `kiosk:${worker.KEPT.join('|')}`

worker.addEventListener('install', event =>
  (event as Waiting).waitUntil(
    caches
      .open(NAME)
      .then(cache => cache.addAll([...worker.KEPT]))
      .then(() => worker.skipWaiting()),
  ),
)

worker.addEventListener('activate', event =>
  (event as Waiting).waitUntil(
    caches
      .keys()
      .then(names => Promise.all(names.filter(name => name !== NAME).map(name => caches.delete(name))))
      .then(() => worker.clients.claim()),
  ),
)

worker.addEventListener('fetch', event => {
  const { request } = event as Reaching
  const path = new URL(request.url).pathname
  const kept = async (name: string): Promise<Response> => (await caches.match(name)) ?? Response.error()
  // Pages of visitors are never kept: only what is the same for everybody.
  if (request.mode === 'navigate') (event as Reaching).respondWith(fetch(request).catch(() => kept(OFFLINE)))
  else if (worker.KEPT.includes(path) && path !== OFFLINE)
    (event as Reaching).respondWith(kept(path).then(r => (r.ok ? r : fetch(request))))
})

export {}
