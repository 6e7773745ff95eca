import { openJournal } from '../common/journal.ts'

export interface Account {
  card: string
  phone: string
  balance_fen: number
  state: 'open' | 'closed' | 'frozen'
}

export interface Mandate {
  mandate_no: string
  card: string
  state: 'ACTIVE' | 'ENDED'
}

export interface Debit {
  order_no: string
  batch_no: string
  card: string
  amount_fen: number
  result: string
  /** Empty where nothing was debited. */
  bank_no: string
  at: string
  /** Number under which it was taken back since. */
  return_no?: string
}

export interface BankRefund {
  refund_no: string
  bank_no: string
  amount_fen: number
  at: string
}

export interface StoredFile {
  name: string
  base64: string
  /** Kept from the customer until it is let go. */
  is_held: boolean
}

type BankEvent =
  | { type: 'account'; account: Account }
  | { type: 'mandate'; mandate: Mandate }
  | { type: 'debited'; debit: Debit }
  | { type: 'taken_back'; order_no: string; return_no: string }
  | { type: 'refunded'; refund: BankRefund }
  | { type: 'out'; name: string; base64: string }
  | { type: 'in'; file: StoredFile }

/** The bank's own books, rebuilt from its journal after a kill. */
export function openBankBooks(path: string) {
  const accounts = new Map<string, Account>()
  const mandates = new Map<string, Mandate>()
  const debits = new Map<string, Debit>()
  const refunds = new Map<string, BankRefund>()
  const out = new Map<string, string>()
  const incoming = new Map<string, StoredFile>()
  const move = (card: string, fen: number): void => {
    accounts.get(card)!.balance_fen += fen
  }
  const fold = (event: BankEvent): void => {
    switch (event.type) {
      case 'account':
        accounts.set(event.account.card, { ...event.account })
        return
      case 'mandate':
        mandates.set(event.mandate.mandate_no, event.mandate)
        return
      case 'debited':
        debits.set(event.debit.order_no, { ...event.debit })
        if (event.debit.result === '00') move(event.debit.card, -event.debit.amount_fen)
        return
      case 'taken_back': {
        const debit = debits.get(event.order_no)!
        debit.return_no = event.return_no
        move(debit.card, debit.amount_fen)
        return
      }
      case 'refunded': {
        refunds.set(event.refund.refund_no, event.refund)
        const debit = [...debits.values()].find(d => d.bank_no === event.refund.bank_no)!
        move(debit.card, event.refund.amount_fen)
        return
      }
      case 'out':
        out.set(event.name, event.base64)
        return
      case 'in':
        incoming.set(event.file.name, event.file)
    }
  }
  const journal = openJournal<BankEvent>(path, fold)
  const record = (event: BankEvent): void => {
    journal.append(event)
    fold(event)
  }
  const owed = (batchNo: string): number => {
    const own = [...debits.values()].filter(d => d.batch_no === batchNo && d.result === '00')
    const given = [...refunds.values()].filter(r => own.some(d => d.bank_no === r.bank_no))
    return own.filter(d => !d.return_no).reduce((sum, d) => sum + d.amount_fen, 0) - given.reduce((sum, r) => sum + r.amount_fen, 0)
  }
  return { accounts, mandates, debits, refunds, out, incoming, record, owed }
}

export type BankBooks = ReturnType<typeof openBankBooks>

/** Why an account cannot be debited, as the code in the files; '00' when it can. */
export function resultFor(books: BankBooks, mandateNo: string, card: string, amountFen: number): string {
  const mandate = books.mandates.get(mandateNo)
  if (mandate?.state !== 'ACTIVE' || mandate.card !== card) return '03'
  const account = books.accounts.get(card)!
  if (account.state === 'closed') return '02'
  if (account.state === 'frozen') return '04'
  return account.balance_fen < amountFen ? '01' : '00'
}
