import { generateKeyPairSync } from 'node:crypto'
import { z } from 'zod'
import { type NoteSigner, noteSigner } from '#engines/hashtree/index.ts'
import type { Ctx } from '#kernel/context.ts'
import { connect, type Db } from '#kernel/db/index.ts'
import { type TestKernel, testCtx } from '#kernel/db/testing.ts'
import { append, createSequencer, defineEvent, type Sequencer, type SequencerOptions } from '../index.ts'

export const ORIGIN = 'town.example/trail'

export const noticed = defineEvent({
  type: 'trail_test.thing_noticed',
  version: 1,
  subject: 'thing',
  body: z.object({ number: z.int(), note: z.string().optional() }),
})

export const paidBy = defineEvent({
  type: 'trail_test.paid_by',
  version: 1,
  subject: 'thing',
  body: z.object({ amount_fen: z.int(), payerName: z.string(), phone: z.string().optional() }),
  personal: ['payerName', 'phone'],
})

export const signerOf = (): NoteSigner => noteSigner(ORIGIN, generateKeyPairSync('ed25519').privateKey)

/** A sequencer over a connection of its own role, closed after `work`. */
export async function withSequencer<T>(
  kernel: TestKernel,
  work: (sequencer: Sequencer, signer: NoteSigner, db: Db) => Promise<T>,
  options: Partial<SequencerOptions> = {},
): Promise<T> {
  const db = connect(kernel.connections.sequencer, { max: 5 })
  const signer = options.signer ?? signerOf()
  const sequencer = createSequencer({ db, clock: kernel.clock, log: kernel.log, holder: 'test', signer, ...options })
  try {
    return await work(sequencer, signer, db)
  } finally {
    await sequencer.close()
    await db.close()
  }
}

export const notice = (ctx: Ctx, number: number, subjectId = 'one'): Promise<string> =>
  ctx.kernel.db.tx(ctx.tenantId, tx => append(tx, ctx, noticed, { subjectId, body: { number } }))

/** Many events in few transactions. */
export async function noticeMany(kernel: TestKernel, count: number, tenantId = 1): Promise<void> {
  const ctx = testCtx(kernel, {}, tenantId)
  for (let from = 0; from < count; from += 500) {
    await kernel.db.tx(tenantId, async tx => {
      for (let i = from; i < Math.min(count, from + 500); i++)
        await append(tx, ctx, noticed, { subjectId: `s${i % 7}`, body: { number: i } })
    })
  }
}

export async function countOf(db: Db, what: string, tenantId = 1): Promise<number> {
  return db.read(tenantId, async tx =>
    Number((await tx.client.query(`select count(*) as n from ${what} where tenant_id = $1`, [tenantId])).rows[0].n),
  )
}
