import type { Random } from '#kernel/random.ts'
import type { Clock } from '#kernel/time.ts'
import type { CreateOutcome, PaymentChannel, TradeFact } from '../../src/modules/payments/ports.ts'

/** How often, in [0, 1], the world misbehaves. All zero at the end, when everything must come to rest. */
export interface Faults {
  lostBefore: number
  lostAfter: number
  refused: number
  lie: number
}

interface Trade {
  readonly outTradeNo: string
  readonly amountFen: number
  readonly expireAt: Date
  state: 'NOTPAY' | 'SUCCESS' | 'CLOSED'
  txnNo?: string
  paidAt?: Date
}

interface Refund {
  readonly outTradeNo: string
  readonly outRefundNo: string
  readonly amountFen: number
  readonly txnNo: string
  state: 'PROCESSING' | 'SUCCESS'
  settledAt?: Date
}

export interface SimChannel extends PaymentChannel {
  readonly trades: ReadonlyMap<string, Trade>
  readonly refunds: ReadonlyMap<string, Refund>
  /** The payer presses the button. A closed trade can be paid when the close was still on its way. */
  pay(outTradeNo: string, isRacing: boolean): boolean
  settleRefunds(): void
  notification(outTradeNo: string): Buffer
}

/** A channel as its merchants see it over a bad line: it keeps exact books and loses questions and answers by seed. */
export function simChannel(random: Random, clock: Clock, faults: Faults): SimChannel {
  const trades = new Map<string, Trade>()
  const refunds = new Map<string, Refund>()
  const strikes = (share: number) => random.float() < share
  let serial = 0
  const lost = { kind: 'unknown' as const, why: 'no answer' }

  /** Runs `act` with the request or the answer lost now and then. */
  const over = <T extends { kind: string }>(act: () => T): T | typeof lost => {
    if (strikes(faults.lostBefore)) return lost
    const answer = act()
    return strikes(faults.lostAfter) ? lost : answer
  }

  const factOf = (trade: Trade): TradeFact => {
    if (trade.state === 'SUCCESS' && strikes(faults.lie)) return { outTradeNo: trade.outTradeNo, state: 'USERPAYING' }
    return {
      outTradeNo: trade.outTradeNo,
      state: trade.state,
      ...(trade.state === 'SUCCESS' && { channelTxnNo: trade.txnNo!, amountFen: trade.amountFen, paidAt: trade.paidAt! }),
    }
  }

  return {
    code: 'wechat',
    trades,
    refunds,
    create: async input =>
      over((): CreateOutcome => {
        if (strikes(faults.refused)) return { kind: 'refused', code: 'RULE_LIMIT', message: 'by seed' }
        trades.set(input.outTradeNo, {
          outTradeNo: input.outTradeNo,
          amountFen: input.amountFen,
          expireAt: input.expireAt,
          state: 'NOTPAY',
        })
        return { kind: 'accepted', redirectUrl: 'https://wallet.example/' }
      }),
    query: async outTradeNo =>
      over(() => {
        const trade = trades.get(outTradeNo)
        return { kind: 'known' as const, fact: trade ? factOf(trade) : { outTradeNo, state: 'NOTFOUND' as const } }
      }),
    close: async outTradeNo =>
      over(() => {
        const trade = trades.get(outTradeNo)
        if (!trade) return { kind: 'notfound' as const }
        if (trade.state === 'SUCCESS') return { kind: 'paid' as const }
        trade.state = 'CLOSED'
        return { kind: 'closed' as const }
      }),
    refund: async input =>
      over(() => {
        const trade = [...trades.values()].find(t => t.txnNo === input.channelTxnNo)
        const known = refunds.get(input.outRefundNo)
        if (known && known.amountFen !== input.amountFen)
          return { kind: 'refused' as const, code: 'PARAM_ERROR', message: 'number used for another amount' }
        const given = [...refunds.values()]
          .filter(r => r.outTradeNo === trade?.outTradeNo && r.outRefundNo !== input.outRefundNo)
          .reduce((sum, r) => sum + r.amountFen, 0)
        if (trade?.state !== 'SUCCESS' || given + input.amountFen > trade.amountFen)
          return { kind: 'refused' as const, code: 'NOT_ENOUGH', message: 'more than was paid' }
        if (!known)
          refunds.set(input.outRefundNo, {
            outTradeNo: trade.outTradeNo,
            outRefundNo: input.outRefundNo,
            amountFen: input.amountFen,
            txnNo: input.channelTxnNo,
            state: 'PROCESSING',
          })
        return { kind: 'accepted' as const }
      }),
    queryRefund: async (outTradeNo, outRefundNo) =>
      over(() => {
        const refund = refunds.get(outRefundNo)
        return {
          kind: 'known' as const,
          fact: refund
            ? {
                outTradeNo,
                outRefundNo,
                state: refund.state,
                amountFen: refund.amountFen,
                ...(refund.settledAt && { refundedAt: refund.settledAt }),
              }
            : { outTradeNo, outRefundNo, state: 'NOTFOUND' as const },
        }
      }),
    readNotification: raw => {
      const outTradeNo = raw.toString('utf8')
      const trade = trades.get(outTradeNo)!
      return {
        kind: 'trade',
        eventKey: `n-${trade.txnNo}`,
        fact: { outTradeNo, state: 'SUCCESS', channelTxnNo: trade.txnNo!, amountFen: trade.amountFen, paidAt: trade.paidAt! },
      }
    },
    acknowledge: isOkay => ({ status: isOkay ? 204 : 500, type: 'application/json', body: '' }),
    fetchStatement: async () => ({ raw: Buffer.alloc(0), name: 'none' }),
    async *readStatement() {},
    pay(outTradeNo, isRacing) {
      const trade = trades.get(outTradeNo)
      if (!trade || trade.state === 'SUCCESS' || (trade.state === 'CLOSED' && !isRacing)) return false
      trade.state = 'SUCCESS'
      trade.txnNo = `42${String(++serial).padStart(10, '0')}${outTradeNo.slice(-8)}`
      trade.paidAt = clock.now()
      return true
    },
    settleRefunds() {
      for (const refund of refunds.values()) {
        refund.state = 'SUCCESS'
        refund.settledAt ??= clock.now()
      }
    },
    notification: outTradeNo => Buffer.from(outTradeNo, 'utf8'),
  }
}
