import pg from 'pg'

interface Lane {
  readonly connected: Promise<pg.Client>
  /** Statements sent and not yet answered; whoever took the lane counts itself off. */
  waiting: number
}

export interface Lanes {
  /** The lane with the fewest statements under way, or a new one while all are busy and there may be more. */
  take(): Lane
  end(): Promise<void>
}

/**
 * Connections that send the next statement before the last is answered, which saves both sides a turn for each. Every
 * statement is a transaction of its own; one that waits for a row's lock holds up only those that came when every lane was taken.
 */
export function openLanes(config: pg.ClientConfig, max: number, onError: (error: Error) => void): Lanes {
  const lanes = new Set<Lane>()

  const open = (): Lane => {
    const client = new pg.Client({ ...config, pipeline: true })
    const lane: Lane = { connected: client.connect().then(() => client), waiting: 0 }
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
      lane.waiting++
      return lane
    },
    async end() {
      await Promise.all([...lanes].map(async ({ connected }) => (await connected.catch(() => undefined))?.end()))
    },
  }
}
