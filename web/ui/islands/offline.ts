/**
 * A window without network. What is taken is numbered and kept on the device before anything is shown, and handed over when the
 * network is back, as often as it takes: the server knows each number. `data-offline` says which page this is: `take` takes
 * money, `desk` keeps the page for later and hands over, `close` keeps the last count waiting until everything is handed over.
 */
interface Act {
  session: string
  device: string
  seq: number
  subject: string
  amount_fen: number
  tendered_fen: number
  taken_at: string
}

const PAGE = '/staff/cash/offline'
const BATCH = 50
const AGAIN_MS = 15_000

const box = document.querySelector<HTMLElement>('[data-offline]')
const find = <T extends HTMLElement>(name: string) => box?.querySelector<T>(`[data-${name}]`) ?? undefined
const show = (name: string, isShown: boolean) => {
  const element = find(name)
  if (element) element.hidden = !isShown
}
const say = (name: string, text: string) => {
  const element = find(name)
  if (element) element.textContent = text
}

const promised = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })

function openStore(): Promise<IDBDatabase> {
  const request = indexedDB.open('yimen-window', 1)
  request.onupgradeneeded = () => {
    request.result.createObjectStore('acts', { keyPath: ['session', 'device', 'seq'] })
    request.result.createObjectStore('names')
  }
  return promised(request)
}

/** On the disk before it resolves: money that was taken must outlive a power cut. */
function write(db: IDBDatabase, work: (acts: IDBObjectStore, names: IDBObjectStore) => Promise<void> | void): Promise<void> {
  const tx = db.transaction(['acts', 'names'], 'readwrite', { durability: 'strict' })
  return new Promise((resolve, reject) => {
    tx.oncomplete = () => resolve()
    tx.onabort = () => reject(tx.error)
    void work(tx.objectStore('acts'), tx.objectStore('names'))
  })
}

const listActs = (db: IDBDatabase): Promise<Act[]> => promised(db.transaction('acts').objectStore('acts').getAll() as IDBRequest<Act[]>)

async function keep(db: IDBDatabase, act: Omit<Act, 'device' | 'seq'>): Promise<Act> {
  let kept: Act | undefined
  await write(db, async (acts, names) => {
    const device = ((await promised(names.get('device'))) as string | undefined) ?? crypto.randomUUID()
    const seq = (((await promised(names.get(act.session))) as number | undefined) ?? 0) + 1
    kept = { ...act, device, seq }
    names.put(device, 'device')
    names.put(seq, act.session)
    acts.put(kept)
  })
  return kept!
}

/** Hands over what is kept; true when nothing is left. */
async function handOver(db: IDBDatabase): Promise<boolean> {
  const kept = await listActs(db)
  say('pending', String(kept.length))
  show('waits', kept.length > 0)
  show('back', kept.length === 0)
  try {
    const state = await fetch(`${PAGE}/state`, { redirect: 'manual', cache: 'no-store' })
    show('signin', state.type === 'opaqueredirect')
    show('away', false)
    if (!state.ok) return kept.length === 0
    const { csrf } = (await state.json()) as { csrf: string }
    const batch = kept.slice(0, BATCH)
    if (batch.length === 0) return true
    const answer = await fetch(PAGE, { method: 'POST', body: new URLSearchParams({ csrf, acts: JSON.stringify(batch) }) })
    if (!answer.ok) return false
    await write(db, acts => {
      for (const { session, device, seq } of batch) acts.delete([session, device, seq])
    })
    return handOver(db)
  } catch {
    show('away', true)
    show('back', false)
    return kept.length === 0
  }
}

/** Yuan as typed to fen; undefined when it is no amount. */
function readFen(text: string): number | undefined {
  const match = /^(\d{1,6})(?:\.(\d{1,2}))?$/.exec(text.normalize('NFKC').trim())
  return match ? Number(match[1]) * 100 + Number((match[2] ?? '').padEnd(2, '0')) : undefined
}

const yuan = (fen: number) => (fen / 100).toFixed(2)

function takeMoney(db: IDBDatabase, form: HTMLFormElement): void {
  form.addEventListener('submit', async event => {
    event.preventDefault()
    const field = (name: string) => form.elements.namedItem(name) as HTMLInputElement
    const [subject, amount, tendered] = [field('subject'), field('amount'), field('tendered')]
    const [fen, given] = [readFen(amount.value), readFen(tendered.value)]
    const wrong = !subject.value.trim() ? subject : !fen ? amount : given === undefined || given < fen ? tendered : undefined
    // Enter leads through the fields; only one that was left wrong is called so.
    for (const input of [subject, amount, tendered]) show(`wrong-${input.name}`, input === wrong && input === document.activeElement)
    if (wrong || !fen || !given) return wrong?.focus()
    const taken = { session: box?.dataset.session ?? '', taken_at: new Date().toISOString() }
    const act = await keep(db, { ...taken, subject: subject.value.trim(), amount_fen: fen, tendered_fen: given })
    say('change', yuan(given - fen))
    say('slip-amount', yuan(fen))
    say('slip-subject', /\/b\/(\w+)/.exec(act.subject)?.[1] ?? act.subject)
    say('slip-no', `${box?.dataset.drawer}-${act.session.slice(-4)}-${act.device.slice(0, 4)}-${String(act.seq).padStart(4, '0')}`)
    say(
      'slip-at',
      new Date(act.taken_at).toLocaleString(document.documentElement.lang, {
        timeZone: 'Asia/Shanghai',
        dateStyle: 'long',
        timeStyle: 'short',
      }),
    )
    show('slip', true)
    form.reset()
    subject.focus()
    await handOver(db)
  })
  find('print')?.addEventListener('click', () => print())
}

/** Puts the page for the time without network, and what it needs, where the worker finds it. */
async function keepPage(): Promise<void> {
  const page = await fetch(PAGE, { redirect: 'manual', cache: 'no-store' })
  if (!page.ok) return
  const cache = await caches.open('yimen-window')
  const needs = [...(await page.clone().text()).matchAll(/"(\/assets\/[^"]+)"/g)].map(match => match[1]!)
  await cache.addAll(needs)
  await cache.put(PAGE, page)
  const types = (window as { trustedTypes?: { createPolicy(name: string, rules: object): { createScriptURL(url: string): string } } })
    .trustedTypes
  const worker = `${PAGE}/worker.js`
  const url = types?.createPolicy('yimen-window', { createScriptURL: (text: string) => text }).createScriptURL(worker) ?? worker
  await navigator.serviceWorker.register(url, { scope: '/staff/cash' })
}

async function start(place: HTMLElement): Promise<void> {
  const db = await openStore()
  const kind = place.dataset.offline
  const form = place.querySelector('form')
  if (kind === 'take' && form) takeMoney(db, form)
  if (kind === 'close')
    form?.addEventListener('submit', async event => {
      if (form.dataset.ready) return
      event.preventDefault()
      if (!(await handOver(db))) return
      form.dataset.ready = '1'
      form.requestSubmit()
    })
  const again = async () => {
    await handOver(db)
    setTimeout(again, AGAIN_MS)
  }
  addEventListener('online', () => void handOver(db))
  await again()
  if (kind === 'desk' && 'serviceWorker' in navigator) await keepPage()
  if (kind === 'closed' && 'caches' in window) await caches.delete('yimen-window')
}

if (box && 'indexedDB' in window) void start(box)

export {}
