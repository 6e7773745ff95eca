/**
 * The machine itself: its key, which never leaves it, the proof it gives of it, and whether the network is there. Tells the page by
 * events: `kiosk-offline`, `kiosk-online`.
 */
const box = document.querySelector<HTMLElement>('[data-kiosk]')
const { kiosk: screenName = '', prove, wait, waitMs } = box?.dataset ?? {}
const BEAT_MS = 30_000
const ASK_MS = 2_000
const version = /kiosk\.([\w-]+)\.js/.exec(document.querySelector<HTMLScriptElement>('script[src*="/kiosk."]')?.src ?? '')?.[1] ?? ''

interface Policy {
  createScriptURL(url: string): string
}
const w = window as unknown as {
  trustedTypes?: { createPolicy(name: string, rules: Policy): Policy }
}

/** The one thing a wipe leaves: a pair of keys whose private half cannot be read, not even by this page. */
function store<T>(mode: IDBTransactionMode, work: (keys: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const open = indexedDB.open('yimen-device', 1)
    open.onupgradeneeded = () => open.result.createObjectStore('key')
    open.onerror = () => reject(open.error)
    open.onsuccess = () => {
      const asked = work(open.result.transaction('key', mode).objectStore('key'))
      asked.onsuccess = () => resolve(asked.result)
      asked.onerror = () => reject(asked.error)
    }
  })
}

const base64 = (bytes: ArrayBuffer): string => btoa(String.fromCharCode(...new Uint8Array(bytes)))
const sign = async (key: CryptoKey, text: string): Promise<string> =>
  base64(await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, key, new TextEncoder().encode(text)))

let isOffline = false
let offlineSince = 0
let offlineMs = 0

/** The server turned the proof down: this machine holds no key that is known. */
class Refused extends Error {}

async function answerOnce(): Promise<void> {
  const pair = await store<CryptoKeyPair | undefined>('readonly', keys => keys.get('key'))
  if (!pair) throw new Refused()
  const asked = await fetch('/kiosk/challenge', { cache: 'no-store' })
  if (!asked.ok) throw asked.status === 403 ? new Refused() : new Error()
  const { challenge } = (await asked.json()) as { challenge: string }
  const state = JSON.stringify({ page: screenName, version, offline_ms: Math.round(offlineMs), queue: 0 })
  const signature = await sign(pair.privateKey, `yimen-device:v1\n${challenge}\n${state}`)
  const told = await fetch('/kiosk/beat', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ challenge, state, signature }),
  })
  if (told.status === 401 || told.status === 403) throw new Refused()
  if (!told.ok) throw new Error()
  offlineMs = 0
}

/** One after the other, as only the newest challenge counts; what another page of this machine overtook is answered again. */
let last = Promise.resolve()
function beat(): Promise<void> {
  const next = last.then(() => answerOnce().catch(error => (error instanceof Refused ? answerOnce() : Promise.reject(error))))
  last = next.catch(() => {})
  return next
}

function setOffline(to: boolean): void {
  if (to === isOffline) return
  isOffline = to
  if (to) offlineSince = performance.now()
  else offlineMs += performance.now() - offlineSince
  dispatchEvent(new Event(to ? 'kiosk-offline' : 'kiosk-online'))
}

const isThere = async (): Promise<boolean> => {
  try {
    return (await fetch('/kiosk/ping', { cache: 'no-store', signal: AbortSignal.timeout(4_000) })).ok
  } catch {
    return false
  }
}

let isAsking = false
/** Whether the network is really gone; then asks until it is back, and proves itself before anybody goes on. */
async function ask(): Promise<void> {
  if (isAsking) return
  isAsking = true
  while (!(await isThere())) {
    setOffline(true)
    await new Promise(resolve => setTimeout(resolve, ASK_MS))
  }
  isAsking = false
  if (isOffline) await beat().catch(refused)
  setOffline(false)
}

const refused = (error: unknown): void => {
  // What is shown belongs to nobody any more: the server says what to see instead.
  if (error instanceof Refused && !prove && screenName !== 'enrol' && screenName !== 'out') location.replace('/kiosk/out')
}

async function keepBeating(): Promise<void> {
  try {
    await beat()
  } catch (error) {
    refused(error)
    if (!(error instanceof Refused)) void ask()
  }
  setTimeout(keepBeating, BEAT_MS)
}

/** The first thing after a start: only who has the key comes further. */
async function proveFirst(): Promise<void> {
  for (let tries = 0; tries < 3; tries++) {
    try {
      await beat()
      return location.replace(location.href)
    } catch (error) {
      if (error instanceof Refused) break
      await ask()
    }
  }
  const failed = document.querySelector<HTMLElement>('[data-proof-failed]')
  if (failed) failed.hidden = false
  document.querySelector('[data-proof-text]')?.remove()
  // Staff may have let it join in another window, or the database come back.
  setTimeout(() => location.replace(location.href), 20_000)
}

async function enrol(form: HTMLFormElement): Promise<void> {
  const field = (name: string) => form.elements.namedItem(name) as HTMLInputElement
  const code = field('code').value.normalize('NFKC').replace(/[\s-]/g, '')
  const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify'])
  await store('readwrite', keys => keys.put(pair, 'key'))
  field('key').value = base64(await crypto.subtle.exportKey('spki', pair.publicKey))
  field('signature').value = await sign(pair.privateKey, `yimen-device-enrol:v1\n${code}`)
  form.submit()
}

document.querySelector<HTMLFormElement>('form#enrol')?.addEventListener('submit', event => {
  event.preventDefault()
  enrol(event.target as HTMLFormElement).catch(() => {
    const failed = document.querySelector<HTMLElement>('[data-enrol-failed]')
    if (failed) failed.hidden = false
  })
})

/** Without the network there is still a page that says so. */
async function keepPage(): Promise<void> {
  const policy = w.trustedTypes?.createPolicy('kiosk', { createScriptURL: url => url })
  const address = policy ? policy.createScriptURL('/kiosk/worker.js') : '/kiosk/worker.js'
  await navigator.serviceWorker?.register(address, { scope: '/kiosk', type: 'module', updateViaCache: 'none' })
}

addEventListener('offline', () => void ask())
addEventListener('kiosk-lost', () => void ask())
if (prove) void proveFirst()
else if (wait) {
  const goOn = () => ask().then(() => location.replace(wait))
  setTimeout(goOn, Number(waitMs) || ASK_MS)
} else if (screenName !== 'enrol' && screenName !== 'out') void keepBeating()
if (screenName === 'out') setTimeout(() => location.replace('/kiosk/resume'), 30_000)
if (screenName !== 'offline') keepPage().catch(() => {})

export {}
