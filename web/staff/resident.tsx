import { day, yuan } from '#web/ui/format.ts'
import { t } from '#web/ui/messages.ts'
import { usePage } from '#web/ui/page.tsx'
import { SummaryList, Tag, type Tone } from '#web/ui/parts.tsx'
import { type ResultRow, Results } from './search.tsx'
import { Pane, renderStaffPage, StaffLayout, type StaffPageContext, WideTable } from './shell.tsx'

export interface ResidentView {
  /** Masked, as everything here. */
  name: string
  phone: string
  addresses: readonly string[]
  /** What is open on the accounts they keep; absent for who may not read bills. */
  dues?: readonly {
    href: string
    account: string
    period: string
    dueOn: string
    amountFen: number
    state: { text: string; tone?: Tone }
  }[]
  /** Accounts they keep, and how each is paid by itself. */
  accounts?: readonly { name: string; text: string }[]
  orders: readonly ResultRow[]
}

/** One resident on one card, masked: homes, accounts, what is due, and what was paid while signed in. */
export function ResidentPage({ view }: { view: ResidentView }) {
  const { ctx, t } = usePage()
  return (
    <StaffLayout>
      <h1>{view.name}</h1>
      <Pane title={t('staff.kind_resident')} note={t('staff.logged')}>
        <SummaryList
          rows={[
            { label: t('staff.phone'), value: view.phone || t('staff.none') },
            { label: t('staff.address'), value: view.addresses.join(' · ') || t('staff.none') },
          ]}
        />
      </Pane>
      {view.dues && (
        <Pane title={t('card.dues')}>
          {view.dues.length === 0 ? (
            <p class="t-3">{t('bills.empty')}</p>
          ) : (
            <WideTable
              columns={[
                {
                  title: t('staff.kind_account'),
                  cell: (r: NonNullable<ResidentView['dues']>[number]) => <a href={r.href}>{r.account}</a>,
                },
                { title: t('staff.col_period'), cell: r => r.period },
                { title: t('staff.col_due'), cell: r => day(ctx.lang, r.dueOn) },
                { title: t('staff.col_state'), cell: r => <Tag tone={r.state.tone}>{r.state.text}</Tag> },
                { title: t('staff.col_amount'), cell: r => yuan(r.amountFen), numeric: true },
              ]}
              rows={view.dues}
            />
          )}
        </Pane>
      )}
      {view.accounts && view.accounts.length > 0 && (
        <Pane title={t('card.accounts')}>
          <SummaryList rows={view.accounts.map(a => ({ label: a.name, value: a.text }))} />
        </Pane>
      )}
      <Pane title={t('staff.payments')}>
        {view.orders.length === 0 ? <p class="t-3">{t('staff.none')}</p> : <Results rows={view.orders} />}
      </Pane>
    </StaffLayout>
  )
}

export const residentPage = (ctx: StaffPageContext, view: ResidentView): string =>
  renderStaffPage(ctx, <ResidentPage view={view} />, { title: t(ctx.lang)('staff.kind_resident') })
