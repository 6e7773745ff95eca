import { type Db, sql, type Tx } from '#kernel/db/index.ts'
import { addMs, type Clock } from '#kernel/time.ts'

/** Right to seal a bucket of tenants; a later taking raises the epoch and fences this one. */
export interface Lease {
  readonly bucket: number
  readonly holder: string
  readonly epoch: number
}

/** Another sequencer has taken the bucket: nothing of the transaction may stand. */
export class Fenced extends Error {}

// Leases belong to no tenant; 0 is nobody's.
const NO_TENANT = 0

/** Takes the bucket when it is free or its holder's time is up; undefined while another holds it. */
export function takeLease(db: Db, clock: Clock, bucket: number, holder: string, ms: number): Promise<Lease | undefined> {
  const now = clock.now()
  return db.tx(NO_TENANT, async tx => {
    const row = await tx.maybe<{ epoch: number }>(sql`
      insert into trail.lease as l (bucket, holder, epoch, until) values (${bucket}, ${holder}, 1, ${addMs(now, ms)})
      on conflict (bucket) do update set holder = excluded.holder, epoch = l.epoch + 1, until = excluded.until where l.until <= ${now}
      returning epoch`)
    return row && { bucket, holder, epoch: row.epoch }
  })
}

/** Prolongs a lease; false when it is lost. */
export async function renewLease(db: Db, clock: Clock, lease: Lease, ms: number): Promise<boolean> {
  const changed = await db.tx(NO_TENANT, tx =>
    tx.run(
      sql`update trail.lease set until = ${addMs(clock.now(), ms)} where bucket = ${lease.bucket} and holder = ${lease.holder} and epoch = ${lease.epoch}`,
    ),
  )
  return changed === 1
}

/** Gives the bucket back so that a successor need not wait. */
export const releaseLease = (db: Db, clock: Clock, lease: Lease): Promise<number> =>
  db.tx(NO_TENANT, tx =>
    tx.run(
      sql`update trail.lease set until = ${clock.now()} where bucket = ${lease.bucket} and holder = ${lease.holder} and epoch = ${lease.epoch}`,
    ),
  )

/**
 * First statement of each sealing transaction. The share lock makes a taker wait for our commit, and a holder that
 * slept through a taking finds its epoch gone. Throws Fenced.
 */
export async function assertLease(tx: Tx, { bucket, holder, epoch }: Lease): Promise<void> {
  const found = await tx.prepared('trail_fence', 'select 1 from trail.lease where bucket = $1 and holder = $2 and epoch = $3 for share', [
    bucket,
    holder,
    epoch,
  ])
  if (found.length === 0) throw new Fenced(`epoch ${epoch} of bucket ${bucket} is over`)
}
