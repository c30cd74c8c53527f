/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/ctx/pool.h"

#include <stdlib.h>
#include <string.h>

enum gw_err dp_pool_init(struct dp_pool *p, uint32_t n, uint32_t size)
{
	*p = (struct dp_pool){ .n = n, .size = size };
	p->mem = calloc(n, size);
	return p->mem ? GW_OK : GW_ENOMEM;
}

void dp_pool_free(struct dp_pool *p)
{
	free(p->mem);
	*p = (struct dp_pool){ 0 };
}

void *dp_pool_take(struct dp_pool *p)
{
	void *o = p->unused;

	if (o) {
		memcpy(&p->unused, o, sizeof(p->unused));
		memset(o, 0, sizeof(p->unused));
	} else if (p->fresh < p->n) {
		o = p->mem + (size_t)p->fresh++ * p->size;
	} else {
		return NULL;
	}
	p->in_use++;
	return o;
}

void dp_pool_give(struct dp_pool *p, void *object)
{
	explicit_bzero(object, p->size);
	memcpy(object, &p->unused, sizeof(p->unused));
	p->unused = object;
	p->in_use--;
}
