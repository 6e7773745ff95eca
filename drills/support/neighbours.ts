import { type Db, sql } from '#kernel/db/index.ts'
import { hiddenFields } from '../../test/support/form.ts'
import { watcher } from './harness.ts'

/** Changes how a stand-in misbehaves while it runs. */
export async function misbehave(standIn: string, faults: object): Promise<void> {
  const answer = await fetch(`${standIn}/_control/faults`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(faults),
    signal: AbortSignal.timeout(5_000),
  })
  if (!answer.ok) throw new Error(`faults: ${await answer.text()}`)
}

/** Whether the product holds back calls to a neighbour's host. */
export async function isLeftAlone(url: string, standIn: string): Promise<boolean> {
  const text = await (await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(5_000) })).text()
  return text.includes(`yimen_neighbour_left_alone{host="${new URL(standIn).host}"} 1`)
}

/** A new person opens a bill and presses the pay button. */
export async function press(url: string, code: string) {
  const person = watcher(url)
  const page = await person.get(`/b/${code}`)
  return { person, answer: await person.post(`/b/${code}/pay`, { ...hiddenFields(page.text, `/b/${code}/pay`), way: 'wechat' }) }
}

export const countUnresolved = (db: Db) =>
  db.read(1, tx =>
    tx.one<{ count: number }>(sql`
      select count(*)::int as count from payments.attempt_state a
      join payments."order" o on o.tenant_id = a.tenant_id and o.id = a.order_id
      where a.tenant_id = 1 and o.state = 1 and a.state in (2, 4, 7)`),
  )
