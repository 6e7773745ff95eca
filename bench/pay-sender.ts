import { Agent, request } from 'node:http'
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

/** Sends letters from so many clients over kept connections; acknowledged ones per second. */
async function send({ url, clients, window_ms, letters }: Errand): Promise<{ rate: number; refused: number; ranOut: boolean }> {
  const agent = new Agent({ keepAlive: true, maxSockets: clients })
  const post = (letter: Letter) =>
    new Promise<number>((resolve, reject) => {
      const sent = request(
        url,
        {
          method: 'POST',
          agent,
          headers: { ...letter.headers, 'content-type': 'application/json', 'content-length': Buffer.byteLength(letter.body) },
        },
        answer => {
          answer.resume()
          answer.once('end', () => resolve(answer.statusCode ?? 0))
        },
      )
      sent.once('error', reject)
      sent.end(letter.body)
    })
  let next = 0
  let done = 0
  let refused = 0
  const began = performance.now()
  const until = began + window_ms
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (performance.now() < until && next < letters.length) {
        const status = await post(letters[next++]!)
        if (status === 204) done++
        else refused++
      }
    }),
  )
  agent.destroy()
  return { rate: (done * 1000) / (performance.now() - began), refused, ranOut: next >= letters.length }
}

parentPort?.on('message', (errand: Errand) => void send(errand).then(result => parentPort!.postMessage(result)))
