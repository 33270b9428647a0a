"""What do all pods that Slipway starts share?"""
