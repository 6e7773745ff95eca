import type { Socket } from 'node:net'
import pg from 'pg'

interface Lane {
  readonly connected: Promise<pg.Client>
  /** Statements sent and not yet answered. */
  waiting: number
  /** When it last answered, or began to have something to answer. */
  movedAt: number
  cut(): void
}

export interface Lanes {
  /** The lane with the fewest statements under way, or a new one while all are busy and there may be more. */
  take(): Lane
  /** To be called once for each `take`, when its statement is answered. */
  leave(lane: Lane): void
  end(): Promise<void>
}

/**
 * Connections that send the next statement before the last is answered, which saves both sides a turn for each. Every
 * statement is a transaction of its own; one that waits for a row's lock holds up only those that came when every lane was taken.
 */
export function openLanes(
  config: pg.ClientConfig,
  max: number,
  { silence_ms_max, onError }: { readonly silence_ms_max: number; readonly onError: (error: Error) => void },
): Lanes {
  const lanes = new Set<Lane>()
  // One look now and then at all lanes costs a statement nothing, as a timer for each would.
  const watch = setInterval(() => {
    const now = Date.now()
    for (const lane of lanes) if (lane.waiting > 0 && now - lane.movedAt > silence_ms_max) lane.cut()
  }, silence_ms_max / 4).unref()

  const open = (): Lane => {
    const client = new pg.Client({ ...config, pipeline: true })
    const lane: Lane = {
      connected: client.connect().then(() => client),
      waiting: 0,
      movedAt: Date.now(),
      // Not `end`, which waits for the answers.
      cut: () => (client as unknown as { connection: { stream: Socket } }).connection.stream.destroy(),
    }
    const leave = () => lanes.delete(lane)
    client.on('end', leave)
    client.on('error', error => {
      leave()
      onError(error)
    })
    lane.connected.catch(leave)
    lanes.add(lane)
    return lane
  }

  return {
    take() {
      let least: Lane | undefined
      for (const lane of lanes) if (!least || lane.waiting < least.waiting) least = lane
      const lane = least && (least.waiting === 0 || lanes.size >= max) ? least : open()
      if (lane.waiting++ === 0) lane.movedAt = Date.now()
      return lane
    },
    leave(lane) {
      lane.waiting--
      lane.movedAt = Date.now()
    },
    async end() {
      clearInterval(watch)
      await Promise.all([...lanes].map(async ({ connected }) => (await connected.catch(() => undefined))?.end()))
    },
  }
}
