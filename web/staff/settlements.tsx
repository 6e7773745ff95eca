import { day, signedYuan, yuan } from '#web/ui/format.ts'
import { t } from '#web/ui/messages.ts'
import { usePage } from '#web/ui/page.tsx'
import { Empty, Tag } from '#web/ui/parts.tsx'
import { Pane, renderStaffPage, StaffLayout, type StaffPageContext, WideTable } from './shell.tsx'

export interface SettlementRowView {
  day: string
  biller: string
  rows: number
  collectedFen: number
  returnedFen: number
  href: string
  /** What belongs to the day and was told or given back after its file was made. */
  corrected?: { count: number; fen: number; href: string }
}

export interface SettlementsView {
  rows: readonly SettlementRowView[]
  /** Days that cannot be settled yet, and why. */
  waiting: readonly { day: string; why: string }[]
}

/** What each biller gets about each day, and the days that something is in the way of. */
export function SettlementsPage({ view }: { view: SettlementsView }) {
  const { ctx, t } = usePage()
  return (
    <StaffLayout>
      <h1>{t('staff.settlements')}</h1>
      {view.waiting.length > 0 && (
        <Pane title={t('staff.settle_waiting')} note={t('staff.settle_waiting_note')}>
          <WideTable
            columns={[
              { title: t('staff.recon_day'), cell: (r: SettlementsView['waiting'][number]) => day(ctx.lang, r.day) },
              { title: t('staff.col_why'), cell: r => <Tag tone="warn">{r.why}</Tag> },
            ]}
            rows={view.waiting}
          />
        </Pane>
      )}
      {view.rows.length === 0 ? (
        <Empty title={t('staff.settle_none')}>
          <p>{t('staff.settle_none_text')}</p>
        </Empty>
      ) : (
        <Pane title={t('staff.settle_made')} note={t('staff.settle_made_note')}>
          <WideTable
            columns={[
              { title: t('staff.recon_day'), cell: (r: SettlementRowView) => day(ctx.lang, r.day) },
              { title: t('staff.biller'), cell: r => r.biller },
              { title: t('staff.recon_rows'), cell: r => r.rows, numeric: true },
              { title: t('staff.recon_paid'), cell: r => yuan(r.collectedFen), numeric: true },
              { title: t('staff.recon_refunded'), cell: r => yuan(r.returnedFen), numeric: true },
              { title: t('staff.settle_net'), cell: r => yuan(r.collectedFen - r.returnedFen), numeric: true },
              {
                title: t('staff.settle_corrected'),
                cell: r =>
                  r.corrected && (
                    <a href={r.corrected.href}>
                      {t('staff.settle_corrected_by', { amount: signedYuan(r.corrected.fen), count: r.corrected.count })}
                      <span class="unseen">
                        {r.biller} {day(ctx.lang, r.day)}
                      </span>
                    </a>
                  ),
                numeric: true,
              },
              {
                title: t('staff.settle_file'),
                cell: r => (
                  <a href={r.href}>
                    {t('staff.recon_download')}
                    <span class="unseen">
                      {r.biller} {day(ctx.lang, r.day)}
                    </span>
                  </a>
                ),
              },
            ]}
            rows={view.rows}
          />
          <p class="t-3 t-sm">{t('staff.settle_corrected_note')}</p>
        </Pane>
      )}
    </StaffLayout>
  )
}

export const settlementsPage = (ctx: StaffPageContext, view: SettlementsView): string =>
  renderStaffPage(ctx, <SettlementsPage view={view} />, { title: t(ctx.lang)('staff.settlements') })
