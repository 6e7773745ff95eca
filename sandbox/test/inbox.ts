import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { NotificationOutcome } from '../../src/modules/payments/ports.ts'

/** The merchant's notification address in tests: reads with the real adapter and keeps what it understood. */
export interface Inbox {
  url: string
  received: NotificationOutcome[]
  serials: Set<string>
  /** Answers 500 to the next `count` notifications. */
  refuseNext(count: number): void
  close(): Promise<void>
}

export async function openInbox(
  read: (raw: Buffer, headers: Record<string, string | undefined>) => NotificationOutcome,
  takenBody = '',
): Promise<Inbox> {
  const received: NotificationOutcome[] = []
  const serials = new Set<string>()
  let refusals = 0
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', part => parts.push(part))
    request.on('end', () => {
      const headers = request.headers as Record<string, string | undefined>
      received.push(read(Buffer.concat(parts), headers))
      serials.add(headers['wechatpay-serial'] ?? '')
      if (refusals > 0) {
        refusals -= 1
        response.writeHead(500).end('{"code":"FAIL"}')
      } else response.writeHead(200).end(takenBody)
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    serials,
    refuseNext: count => {
      refusals = count
    },
    close: () => {
      server.closeAllConnections()
      return new Promise(resolve => server.close(() => resolve()))
    },
  }
}

const WAIT_MS_MAX = 10_000

export async function until(isDone: () => boolean): Promise<void> {
  const end = Date.now() + WAIT_MS_MAX
  while (!isDone()) {
    if (Date.now() > end) throw new Error(`not reached within ${WAIT_MS_MAX} ms: ${isDone}`)
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}

/** POSTs to a control; throws unless it answers 200. */
export async function control<T = unknown>(url: string, name: string, body: object): Promise<T> {
  const answer = await fetch(`${url}/_control/${name}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  })
  if (answer.status !== 200) throw new Error(`control ${name}: ${answer.status} ${await answer.text()}`)
  return (await answer.json()) as T
}
