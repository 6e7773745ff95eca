/** Without network a cashier who goes anywhere at the cash window is shown the page that takes money without it. */
interface Fetching extends Event {
  readonly request: Request
  respondWith(answer: Promise<Response>): void
}

const PAGE = '/staff/cash/offline'
const BROKEN = [502, 503, 504]

async function answer(request: Request): Promise<Response> {
  const kept = () => caches.match(request.mode === 'navigate' ? PAGE : request)
  if (request.mode !== 'navigate') return (await kept()) ?? fetch(request)
  try {
    const response = await fetch(request)
    return BROKEN.includes(response.status) ? ((await kept()) ?? response) : response
  } catch (error) {
    const page = await kept()
    if (!page) throw error
    return page
  }
}

addEventListener('fetch', event => {
  const { request, respondWith } = event as Fetching
  const isOurs = request.method === 'GET' && (request.mode === 'navigate' || new URL(request.url).pathname.startsWith('/assets/'))
  if (isOurs) respondWith.call(event, answer(request))
})

export {}
