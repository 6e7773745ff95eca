import { connect } from 'node:net'
import { parentPort } from 'node:worker_threads'

/** A notification signed and encrypted beforehand, so that the sender's cost is not the receiver's. */
export interface Letter {
  readonly headers: Record<string, string>
  readonly body: string
}

export interface Errand {
  readonly url: string
  readonly clients: number
  readonly window_ms: number
  readonly letters: readonly Letter[]
}

const ACCEPTED = Buffer.from('HTTP/1.1 204 ')

/** The bytes of a request as an HTTP client sends them; a client library would cost more here than the receiver there. */
function bytesOf(url: URL, { headers, body }: Letter): Buffer {
  const all = {
    host: url.host,
    ...headers,
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    connection: 'keep-alive',
  }
  const head = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.from(`POST ${url.pathname} HTTP/1.1\r\n${head.join('')}\r\n${body}`)
}

/** Sends letters from so many clients over kept connections, one at a time each; acknowledged ones per second. */
async function send({ url, clients, window_ms, letters }: Errand): Promise<{ rate: number; refused: number; ranOut: boolean }> {
  const to = new URL(url)
  const requests = letters.map(letter => bytesOf(to, letter))
  let next = 0
  let done = 0
  let refused = 0
  let until = 0
  const client = () =>
    new Promise<() => Promise<void>>((connected, failed) => {
      const socket = connect(Number(to.port), to.hostname, () =>
        connected(
          () =>
            new Promise(finished => {
              const post = () => {
                if (performance.now() >= until || next >= requests.length) return finished(void socket.destroy())
                socket.write(requests[next++]!)
              }
              // An answer without a body fits one packet; anything else is a refusal, which ends the benchmark.
              socket.on('data', answer => {
                if (answer.subarray(0, ACCEPTED.length).equals(ACCEPTED) && answer.subarray(-4).equals(Buffer.from('\r\n\r\n'))) done++
                else refused++
                post()
              })
              post()
            }),
        ),
      )
      socket.setNoDelay(true)
      socket.once('error', failed)
    })
  const ready = await Promise.all(Array.from({ length: clients }, client))
  const began = performance.now()
  until = began + window_ms
  await Promise.all(ready.map(run => run()))
  return { rate: (done * 1000) / (performance.now() - began), refused, ranOut: next >= requests.length }
}

parentPort?.on('message', (errand: Errand) => void send(errand).then(result => parentPort!.postMessage(result)))
