import type { Random } from '#kernel/random.ts'
import { type Clock, dayOf } from '#kernel/time.ts'
import { type BillerPort, renderCheckFile, type StatedPosting } from '#modules/billing/index.ts'

interface Known extends StatedPosting {
  readonly state: 'posted' | 'rejected' | 'reversed'
  readonly day: string
  readonly paidAt: string
}

export interface SimBiller extends BillerPort {
  /** Right files of days whose file was handed out short of a row or with one too many: once, a day later. */
  corrected(today: string): Buffer[]
}

/**
 * A biller that loses questions and answers, refuses now and then, and whose check files come late, cut off, short of a row or with
 * one nobody told it of; those it corrects the next day.
 */
export function simBiller(random: Random, clock: Clock): SimBiller {
  const known = new Map<string, Known>()
  const wrong = new Map<string, string>()
  const lost = { kind: 'unknown' as const, why: 'no answer' }
  const say = (no: string) => {
    const state = known.get(no)?.state
    if (state === undefined) return { kind: 'missing' as const }
    return state === 'rejected' ? { kind: 'rejected' as const, reason: 'by seed' } : { kind: state }
  }
  const over = async <T>(act: () => T) => {
    if (random.float() < 0.1) return lost
    const answer = act()
    return random.float() < 0.1 ? lost : answer
  }
  const rowsOf = (day: string) =>
    [...known.values()].filter(p => p.day === day && p.state !== 'rejected').map(p => ({ ...p, isReversed: p.state === 'reversed' }))
  return {
    post: r =>
      over(() => {
        const { postingNo, billNo, accountNo, amountFen } = r
        const state = random.float() < 0.02 ? 'rejected' : 'posted'
        const row = { postingNo, billNo, accountNo, amountFen, isReversed: false, state, paidAt: r.paidAt.toISOString() } as const
        if (!known.has(postingNo)) known.set(postingNo, { ...row, day: dayOf(clock.now()) })
        return say(postingNo)
      }),
    query: no => over(() => say(no)),
    reverse: no =>
      over(() => {
        const posting = known.get(no)
        if (posting?.state === 'posted') known.set(no, { ...posting, state: 'reversed' })
        return say(no)
      }),
    async checkFile(_, day) {
      const dice = random.float()
      if (dice < 0.1) return 'not ready'
      const rows = rowsOf(day)
      const whole = renderCheckFile(day, rows)
      if (dice < 0.15) return whole.subarray(0, whole.length >> 1)
      if (dice > 0.1 && dice < 0.3 && rows.length > 0) {
        wrong.set(day, dayOf(clock.now()))
        const odd = { ...rows[0]!, postingNo: `alone-${random.int(1_000_000)}`, amountFen: 1 + random.int(10_000), isReversed: false }
        return renderCheckFile(day, dice < 0.22 ? rows.slice(1) : [...rows, odd])
      }
      return whole
    },
    corrected(today) {
      const due = [...wrong].filter(([, handedOut]) => handedOut < today).map(([day]) => day)
      for (const day of due) wrong.delete(day)
      return due.map(day => renderCheckFile(day, rowsOf(day)))
    },
  }
}
