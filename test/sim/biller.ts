import type { Random } from '#kernel/random.ts'
import { addDays, dayOf } from '#kernel/time.ts'
import type { BillerPort } from '#modules/billing/index.ts'
import { renderCheckFile, STANDARD_CHECK } from '../../src/modules/billing/checks/layout.ts'
import type { CheckFileAnswer } from '../../src/modules/billing/ports.ts'

/** What is wrong with a biller's check file the first time it is fetched. */
const CHECK_ILLNESSES = ['none', 'none', 'none', 'late', 'cut', 'row_missing'] as const

/**
 * Billers that lose questions and answers, and refuse one payment in fifty. Their check files come late or cut off, or lack a row
 * that the next file has; now and then one loses a posting altogether and learns of it by being told again.
 */
export function simBiller(random: Random, clock: { now(): Date }): BillerPort {
  const known = new Map<string, 'posted' | 'rejected' | 'reversed'>()
  const booked = new Map<string, { readonly fen: number; readonly billNo: string; day: string }>()
  const ill = new Map<string, (typeof CHECK_ILLNESSES)[number]>()
  const fetchCheckFile = async (day: string): Promise<CheckFileAnswer> => {
    const isFirst = !ill.has(day)
    if (isFirst) ill.set(day, CHECK_ILLNESSES[random.int(CHECK_ILLNESSES.length)]!)
    if (isFirst && ill.get(day) === 'late') return { kind: 'none' }
    const own = [...booked].filter(([no, b]) => b.day === day && known.get(no) !== 'rejected')
    const last = own.at(-1)
    if (ill.get(day) === 'row_missing' && last) {
      own.pop()
      // Half of them stand in the next file instead; the others the biller has lost.
      if (random.float() < 0.5) last[1].day = addDays(day, 1)
      else {
        known.delete(last[0])
        booked.delete(last[0])
      }
    }
    const rows = own.map(([postingNo, b]) => {
      const isStanding = known.get(postingNo) === 'posted'
      return { postingNo, billNo: b.billNo, accountNo: '', amountFen: b.fen, paidAt: '', isStanding }
    })
    const bytes = renderCheckFile(STANDARD_CHECK, { day, rows })
    return { kind: 'file', bytes: isFirst && ill.get(day) === 'cut' ? bytes.subarray(0, bytes.length - 7) : bytes }
  }
  const lost = { kind: 'unknown' as const, why: 'no answer' }
  const say = (no: string) => {
    const state = known.get(no)
    if (state === undefined) return { kind: 'missing' as const }
    return state === 'rejected' ? { kind: 'rejected' as const, reason: 'by seed' } : { kind: state }
  }
  const over = async <T>(act: () => T) => {
    if (random.float() < 0.1) return lost
    const answer = act()
    return random.float() < 0.1 ? lost : answer
  }
  return {
    post: r =>
      over(() => {
        if (!known.has(r.postingNo)) {
          known.set(r.postingNo, random.float() < 0.02 ? 'rejected' : 'posted')
          booked.set(r.postingNo, { fen: r.amountFen, billNo: r.billNo, day: dayOf(clock.now()) })
        }
        return say(r.postingNo)
      }),
    fetchCheckFile,
    query: no => over(() => say(no)),
    reverse: no =>
      over(() => {
        if (known.get(no) === 'posted') known.set(no, 'reversed')
        return say(no)
      }),
  }
}
