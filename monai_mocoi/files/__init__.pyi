from .cache_dir import user_cache_dir as user_cache_dir
