/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/app/engine.h"

#include "dataplane/backend/crypt.h"

const struct dp_srtp_ops *dp_engine_start(enum dp_engine want, const struct dp_srtp_burst_conf *conf,
	const struct gw_log *log)
{
	enum gw_err err = dp_srtp_lib2_init();

	if (err) {
		GW_LOG_ERROR(log, "srtp.init_failed", "error=%s", gw_err_name(err));
		return NULL;
	}
	if (want == DP_ENGINE_LIBSRTP2) {
		GW_LOG_NOTICE(log, "srtp.engine", "engine=libsrtp2 reason=configured");
		return &dp_srtp_lib2;
	}
	err = dp_srtp_burst_start(conf);
	if (err == GW_OK) {
		GW_LOG_NOTICE(log, "srtp.engine", "engine=burst device=%s sessions=%u wide_sha1_from=%u", conf->device,
			conf->max_sessions, crypt_mb_wide_from());
		return &dp_srtp_burst;
	}
	if (want == DP_ENGINE_AUTO && err == GW_EUNSUPP) {
		GW_LOG_WARN(log, "srtp.engine", "engine=libsrtp2 reason=\"no burst engine on %s: %s\"", conf->device,
			gw_err_name(err));
		return &dp_srtp_lib2;
	}
	GW_LOG_ERROR(log, "srtp.engine_failed", "engine=burst device=%s error=%s", conf->device,
		gw_err_name(err));
	return NULL;
}

enum gw_err dp_engine_records(const struct dp_record_ops **out, const struct dp_srtp_ops *engine,
	const struct dp_srtp_burst_conf *conf, const struct gw_log *log)
{
	enum gw_err err;

	*out = NULL;
	if (engine != &dp_srtp_burst || conf->max_records == 0)
		return GW_OK;
	err = dp_record_burst_start(conf->workers, conf->max_records);
	if (err)
		GW_LOG_ERROR(log, "records.engine_failed", "associations=%u error=%s", conf->max_records, gw_err_name(err));
	else
		*out = &dp_record_burst;
	return err;
}

void dp_engine_stop(const struct dp_srtp_ops *engine)
{
	if (engine != &dp_srtp_burst)
		return;
	dp_record_burst_stop();
	dp_srtp_burst_stop();
}
