import assert from 'node:assert/strict'
import { test } from 'node:test'
import pino from 'pino'
import { type Child, keepRunning } from '../supervise.ts'

const WAITS = { first_ms: 10, wait_ms_max: 40, steady_ms: 1_000 }

/** Children that end when told to, and what was logged of them. */
function playground() {
  const lines: { process: string; how?: string; wait_ms?: number; msg: string }[] = []
  const log = pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) })
  let running = 0
  const make = (): Child & { die(how: string): void } => {
    running++
    let isOver = false
    let die = (_: string) => {}
    const ended = new Promise<string>(resolve => {
      die = how => {
        if (!isOver) running--
        isOver = true
        resolve(how)
      }
    })
    return { ended, die, stop: async () => die('stopped') }
  }
  return { log, lines, make, running: () => running }
}

const until = async (look: () => boolean): Promise<void> => {
  for (let tries = 0; !look(); tries++) {
    assert.ok(tries < 500, 'not seen')
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

test('a process that ends by itself is started again, later each time, and the log says so', async () => {
  const { log, lines, make, running } = playground()
  const first = make()
  const started: ReturnType<typeof make>[] = []
  let failures = 2
  const kept = keepRunning(
    'one',
    first,
    async () => {
      if (failures-- > 0) throw new Error('no room')
      started.push(make())
      return started.at(-1)!
    },
    log,
    WAITS,
  )
  first.die('SIGKILL')
  await until(() => started.length === 1)
  started[0]!.die('code 1')
  await until(() => started.length === 2)
  const ends = lines.filter(line => line.how !== undefined)
  assert.deepEqual(
    ends.map(({ process, how, wait_ms }) => [process, how, wait_ms]),
    [
      ['one', 'SIGKILL', 10],
      ['one', 'no room', 20],
      ['one', 'no room', 40],
      ['one', 'code 1', 40],
    ],
  )
  await kept.stop()
  assert.equal(running(), 0)
  await new Promise(resolve => setTimeout(resolve, 60))
  assert.equal(started.length, 2)
})

test('stopping while it waits starts nothing any more', async () => {
  const { log, lines, make, running } = playground()
  const first = make()
  let starts = 0
  const kept = keepRunning(
    'one',
    first,
    async () => {
      starts++
      return make()
    },
    log,
    { ...WAITS, first_ms: 60_000 },
  )
  first.die('SIGKILL')
  await until(() => lines.length === 1)
  await kept.stop()
  assert.deepEqual([starts, running()], [0, 0])
})
