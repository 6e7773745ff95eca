import { t } from '#web/ui/messages.ts'
import { usePage } from '#web/ui/page.tsx'
import { SummaryList } from '#web/ui/parts.tsx'
import { type ResultRow, Results } from './search.tsx'
import { Pane, renderStaffPage, StaffLayout, type StaffPageContext } from './shell.tsx'

export interface ResidentView {
  /** Masked, as everything here. */
  name: string
  phone: string
  addresses: readonly string[]
  orders: readonly ResultRow[]
}

/** One resident, masked: homes and what was paid while signed in. */
export function ResidentPage({ view }: { view: ResidentView }) {
  const { t } = usePage()
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
      <Pane title={t('staff.payments')}>
        {view.orders.length === 0 ? <p class="t-3">{t('staff.none')}</p> : <Results rows={view.orders} />}
      </Pane>
    </StaffLayout>
  )
}

export const residentPage = (ctx: StaffPageContext, view: ResidentView): string =>
  renderStaffPage(ctx, <ResidentPage view={view} />, { title: t(ctx.lang)('staff.kind_resident') })
